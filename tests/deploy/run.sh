#!/usr/bin/env bash
# Runs the tests of everything that concerns deployment: scripts, commands in documents, Bicep, workflows. They deploy nothing.
# Needs Python 3.11 or newer with venv (on Debian and Ubuntu: python3-venv), and cargo.
set -euo pipefail
cd "$(dirname "$0")"

# Recreates the environment if it is incomplete or outdated.
if [[ ! -e .venv/installed ]] || ! cmp -s requirements.txt .venv/installed; then
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt .venv/installed
fi
exec .venv/bin/python -m pytest --quiet -rs -p no:cacheprovider "${@:-.}"
