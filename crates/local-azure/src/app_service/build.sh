#!/bin/sh
# Builds the app in the folder VERSION, as Oryx does during a deployment on App Service. `unshare` has made a file system
# of its own, in which the folder is mounted where the app will run; the network is that of this machine. Usage:
#
#   build.sh VERSION PREVIOUS
#
# PREVIOUS: the folder of the deployed version, whose packages are kept if the files that name them have not changed; or
# nothing. https://github.com/microsoft/Oryx/blob/main/doc/hosts/appservice.md
set -eu
version=$1 previous=$2
export HOME="${HOME:-/root}"

# The folders, and the home of the user with its settings for pip and npm, may be below /home, which is covered.
exec 7<"$version"
[ -z "$previous" ] || exec 8<"$previous"
case $HOME in
/home/*) exec 9<"$HOME" ;;
esac
mount -t tmpfs -o mode=0755 tmpfs /home
mkdir -p /home/site/wwwroot
mount --no-canonicalize --bind /proc/self/fd/7 /home/site/wwwroot
case $HOME in
/home/*)
  mkdir -p "$HOME"
  mount --no-canonicalize --bind /proc/self/fd/9 "$HOME"
  ;;
esac
cd /home/site/wwwroot

fail() {
  echo "ERROR: $*"
  exit 1
}

# fingerprint FILE…: a hash of the files, of those that they include, and of the runtime.
fingerprint() {
  {
    "$@"
    while read -r file; do
      [ -f "$file" ] && cat "$file"
    done <<LIST
$inputs
LIST
  } | sha256sum | cut -d ' ' -f 1
}

# reuse FOLDER: copies the folder from the previous version if it was made from the same files.
reuse() {
  [ -n "$previous" ] && [ "$(cat "/proc/self/fd/8/$1/.made-from" 2>/dev/null)" = "$hash" ] || return 1
  rm -rf "$1"
  cp -a "/proc/self/fd/8/$1" "$1"
}

# The requirements file and the files that it includes, one per line.
included() {
  echo "$1"
  sed -n 's/^[[:space:]]*\(-r\|-c\|--requirement\|--constraint\)[[:space:]=]*\([^[:space:]#]*\).*/\2/p' "$1" | tr -d '\r' |
    while read -r file; do
      file=$(dirname "$1")/$file
      [ ! -f "$file" ] || [ "$2" -ge 9 ] || included "$file" $(($2 + 1))
    done
}

build_python() {
  command -v python3 >/dev/null || fail "Python is not installed on this machine. On Debian or Ubuntu: sudo apt-get install python3 python3-venv"
  echo "Python version: $(python3 --version)"
  if [ -f requirements.txt ]; then
    inputs=$(included requirements.txt 0)
  else
    inputs=$(ls pyproject.toml setup.py setup.cfg 2>/dev/null || true)
  fi
  hash=$(fingerprint python3 --version)
  # What is installed from the package itself, such as `-e .`, changes with every file.
  if grep -qE '^[[:space:]]*(-e|--editable|\.|/|file:)|@ *file:' requirements.txt 2>/dev/null; then
    hash=never
  fi
  if reuse antenv; then
    echo "The requirements have not changed: the virtual environment of the deployed version is kept."
  else
    echo "Creating virtual environment..."
    rm -rf antenv
    python3 -m venv antenv || fail "The virtual environment cannot be created. On Debian or Ubuntu: sudo apt-get install python3-venv"
    if [ -f requirements.txt ]; then
      echo "Running pip install..."
      antenv/bin/python -m pip install --requirement requirements.txt || fail "pip cannot install what requirements.txt names."
    fi
  fi
  if [ ! -f requirements.txt ]; then
    echo "Running pip install ..."
    # From a copy, because setuptools would take the virtual environment for a part of the project.
    project=$(mktemp -d)
    trap 'rm -rf "$project"' EXIT
    tar --exclude=./antenv --create --file - . | tar --extract --no-same-owner --file - --directory "$project"
    antenv/bin/python -m pip install "$project" || fail "pip cannot install the project."
  fi
  # On App Service, gunicorn is a part of the image.
  [ -x antenv/bin/gunicorn ] || antenv/bin/python -m pip install gunicorn || echo "gunicorn cannot be installed."
  [ "$hash" = never ] || echo "$hash" >antenv/.made-from
  if [ -f manage.py ] && [ -z "${DISABLE_COLLECTSTATIC:-}" ] && antenv/bin/python -c "import django" 2>/dev/null; then
    echo "Running python manage.py collectstatic..."
    # As with Oryx, a failure does not end the build: the app may need settings that are not there yet.
    PATH=$PWD/antenv/bin:$PATH antenv/bin/python manage.py collectstatic --noinput || echo "'collectstatic' exited with exit code $?."
  fi
}

build_node() {
  command -v npm >/dev/null || fail "Node.js is not installed on this machine. See https://nodejs.org/en/download"
  echo "Node.js version: $(node --version), npm version: $(npm --version)"
  inputs=$(ls package.json package-lock.json .npmrc 2>/dev/null || true)
  hash=$(fingerprint node --version)
  install=install
  [ ! -f package-lock.json ] || install=ci
  if reuse node_modules; then
    echo "package.json has not changed: the packages of the deployed version are kept."
  else
    echo "Running 'npm $install'..."
    npm "$install" --no-audit --no-fund || fail "npm cannot install what package.json names."
    mkdir -p node_modules
    echo "$hash" >node_modules/.made-from
  fi
  npm run build --if-present || fail "The script 'build' of package.json failed."
}

if [ -n "${PRE_BUILD_COMMAND:-}" ]; then
  echo "Executing pre-build command..."
  sh -c "$PRE_BUILD_COMMAND" || fail "PRE_BUILD_COMMAND failed."
fi
if [ -f requirements.txt ] || [ -f pyproject.toml ] || [ -f setup.py ]; then
  build_python
elif [ -f package.json ]; then
  build_node
else
  echo "Nothing to build: there is no requirements.txt, pyproject.toml, setup.py or package.json."
fi
if [ -n "${POST_BUILD_COMMAND:-}" ]; then
  echo "Executing post-build command..."
  sh -c "$POST_BUILD_COMMAND" || fail "POST_BUILD_COMMAND failed."
fi
echo "The build has ended."
