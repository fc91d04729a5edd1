#!/usr/bin/env bash
# Before azd packs the site: builds it, and lays out in dist/package what belongs into the package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=infra/lib.sh
source infra/lib.sh

need "unzip" "On Debian or Ubuntu: sudo apt-get install unzip"
./package.sh
rm -rf dist/package
unzip -q dist/restaurant-review.zip -d dist/package
