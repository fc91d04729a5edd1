"""Runs the statements from standard input with psycopg, and prints the rows of the last one as JSON. The environment
(PGHOST, PGPASSWORD and so on) selects the server."""

import json
import sys

import psycopg

with psycopg.connect(autocommit=True) as connection:
    cursor = connection.execute(sys.stdin.read())
    rows = []
    while True:
        if cursor.description:
            rows = cursor.fetchall()
        if not cursor.nextset():
            break
    print(json.dumps(rows, default=str))
