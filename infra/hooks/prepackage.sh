#!/usr/bin/env bash
# Runs before azd packs the site: builds it and unpacks the package's files into dist/package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/lib.sh
source infra/lib.sh

need "unzip" "On Debian or Ubuntu: sudo apt-get install unzip"
./package.sh
rm -rf dist/package
unzip -q dist/restaurant-review.zip -d dist/package
