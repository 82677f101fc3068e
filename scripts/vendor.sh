#!/bin/sh
# Copy what the pages take from npm to timetracker/static/vendor/ (`make vendor`). Running the site
# needs neither npm nor a network: the copies are part of the repository.
#
# To take a newer version, change package.json first: the lock file follows.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
vendor=$root/timetracker/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cp "$root/package.json" "$work/"
[ ! -f "$root/package-lock.json" ] || cp "$root/package-lock.json" "$work/"
# The lock file holds versions and checksums, not where they were downloaded from.
(cd "$work" && npm install --ignore-scripts --no-audit --no-fund --silent \
  --omit-lockfile-registry-resolved)
cp "$work/package-lock.json" "$root/"

field() { # package, field
  node -p "require('$work/node_modules/$1/package.json')['$2']"
}

take() { # package, file below it, what it is for
  mkdir -p "$vendor/$1"
  # Source maps stay behind; a comment that points to one would stop collectstatic.
  sed -e 's|/\*# sourceMappingURL=[^*]*\*/||' -e 's|^//# sourceMappingURL=.*||' \
    "$work/node_modules/$1/$2" > "$vendor/$1/$(basename "$2")"
  cp "$work/node_modules/$1/LICENSE" "$vendor/$1/LICENSE"
  printf '| %s | %s | [%s](%s/LICENSE) | `%s` | %s |\n' \
    "$1" "$(field "$1" version)" "$(field "$1" license)" "$1" "$1/$(basename "$2")" "$3" >> "$work/table"
}

rm -rf "$vendor"
mkdir -p "$vendor"
take bootstrap dist/css/bootstrap.min.css "layout and form controls; the look is our own"
take htmx.org dist/htmx.min.js "parts of pages change without a reload"

{
  cat <<'TEXT'
# What the pages use of others

Written by `scripts/vendor.sh` (`make vendor`) from the packages that `package.json` names; do not
edit. Files are as their makers ship them, without the comments that point to source maps.

| package | version | licence | file | for |
|---|---|---|---|---|
TEXT
  cat "$work/table"
} > "$vendor/README.md"
cat "$vendor/README.md"
