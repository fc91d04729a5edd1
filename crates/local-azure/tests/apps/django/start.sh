#!/bin/sh
# The startup command for App Service: exec sh ./start.sh
set -eu
cd "$(dirname "$0")"
python -m pip install --quiet --requirement requirements.txt
python manage.py migrate --noinput
python manage.py collectstatic --noinput
exec gunicorn --bind "0.0.0.0:$PORT" --workers 2 --timeout 600 --access-logfile - azureproject.wsgi
