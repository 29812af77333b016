"""HAProxy as tools/deploy has it, with one rule more, attackers and other people before it.

HAProxy refuses /api/events/forbidden; a request there that reaches ringcast all the same was
smuggled past the rule, and its topic exists. Beside each attack others pipeline requests with ids
of their own over the same shared connections (`http-reuse always`): each must get the answers to
its ids, in order, and nothing else.
"""

import itertools

import deploy
import wire
from hostile import Stranger, topics

QUIET_S = 0.4
RULE = "    http-request track-sc0 src\n"
FORBIDDEN = "    http-request deny deny_status 403 if { path_beg /api/events/forbidden }\n"
LENIENT = "defaults\n    mode http\n"
_sources = itertools.count(2)


class FrontDoor(deploy.HaProxy):
    """haproxy.cfg with the rule; `lenient`: what HAProxy takes for doubtful goes through."""

    def __init__(self, directory, backend, lenient):
        super().__init__(directory, backend)
        path = directory / "haproxy.cfg"
        text = path.read_text()
        changes = {RULE: RULE + FORBIDDEN}
        if lenient:
            changes[LENIENT] = LENIENT + "    option accept-invalid-http-request\n"
        for old, new in changes.items():
            assert old in text, f"haproxy.cfg no longer has {old!r}"
            text = text.replace(old, new)
        path.write_text(text)


def source():
    """An address nobody else has, so that HAProxy's own limits count for nobody together."""
    number = next(_sources)
    return f"127.1.{number // 250}.{number % 250 + 1}"


class Victim:
    """Somebody else at the same proxy, whose answers must be his own."""

    def __init__(self, port):
        self.connection, self.count = Stranger(port, source()), 0

    def ask(self, requests=8):
        marks = [f"victim-{id(self)}-{self.count + n}" for n in range(requests)]
        self.count += requests
        self.connection.send(
            b"".join(
                wire.encode("GET", "/health" if n % 2 else "/nothing", {"X-Request-Id": mark})
                for n, mark in enumerate(marks)
            )
        )
        for n, mark in enumerate(marks):
            answer = self.connection.response()
            assert answer.status == (200 if n % 2 else 404), answer
            assert answer.get("X-Request-Id") == mark, f"somebody else's answer: {answer}"
        assert self.connection.buffer == b""


def run(front, attacks):
    """All attacks at once; what each was answered. Fails if one of them got through."""
    victims = [Victim(front.port) for _ in range(3)]
    for victim in victims:
        victim.ask()
    attackers = {}
    for name, data in attacks.items():
        attackers[name] = Stranger(front.port, source())
        attackers[name].push(data)
        victims[len(attackers) % len(victims)].ask(2)
    answers = {}
    for name, attacker in attackers.items():
        # The first is waited for; meanwhile all others have had time enough.
        answers[name] = attacker.all_of_it(0.01 if answers else QUIET_S)
        victims[len(answers) % len(victims)].ask(2)
        attacker.close()
    for victim in victims:
        victim.ask()
        victim.connection.close()
    got = topics(front.backend.port)
    smuggled = sorted(each for each in got if each.startswith("forbidden"))
    assert not smuggled, f"got past the rule: {smuggled}"
    return answers
