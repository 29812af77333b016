"""Parts of bench/compare: the machine, the servers, the scenarios, one run, the report."""
