"""FastAPI on four workers of Uvicorn, with Redis between them: what ringcast is compared with."""
