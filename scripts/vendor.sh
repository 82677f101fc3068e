#!/bin/sh
# Copy what the pages take from npm to timetracker/static/vendor/, what the wheel of `analytics` takes
# along to analytics/static/analytics/vendor/, and what only the tests take to tests/browser/vendor/
# (`make vendor`). Running the site needs neither npm nor a network: the copies
# are part of the repository.
#
# To take a newer version, change package.json first: the lock file follows.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
served=$root/timetracker/static/vendor
shipped=$root/analytics/static/analytics/vendor
tested=$root/tests/browser/vendor
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

begin() { # folder: empty it, and begin its table
  rm -rf "$1"
  mkdir -p "$1"
  : > "$work/table"
}

take() { # folder, package, file below it, what it is for, packages that its makers put into the file
  place=${2%.js} # a folder that is named like a script would be taken for one
  mkdir -p "$1/$place"
  # Source maps stay behind; a comment that points to one would stop collectstatic.
  sed -e 's|/\*# sourceMappingURL=[^*]*\*/||' -e 's|^//# sourceMappingURL=.*||' \
    "$work/node_modules/$2/$3" > "$1/$place/$(basename "$3")"
  licence=$work/node_modules/$2/LICENSE
  [ -f "$licence" ] || licence=$licence.md
  cp "$licence" "$1/$place/LICENSE"
  others=$work/node_modules/$2/LICENSE-3RD-PARTY.txt
  [ ! -f "$others" ] || cp "$others" "$1/$place/"
  printf '| %s | %s | %s | [%s](%s/LICENSE) | `%s` | %s |\n' \
    "$place" "$2" "$(field "$2" version)" "$(field "$2" license)" "$place" \
    "$place/$(basename "$3")" "$4" >> "$work/table"
  into=$1/$place
  shift 4
  for inside in "$@"; do # their licences ask to go along too; which version, the file itself says
    printf '%s\n\n' "$inside"
    cat "$work/node_modules/$inside"/LICENSE*
  done > "$work/inside"
  [ ! -s "$work/inside" ] || cp "$work/inside" "$into/LICENSE-3RD-PARTY.txt"
}

describe() { # folder, title
  cat > "$1/README.md" <<TEXT
# $2

Written by \`scripts/vendor.sh\` (\`make vendor\`) from the packages that \`package.json\` names; do not
edit. Files are as their makers ship them, without the comments that point to source maps. What their
makers put into them is licensed as LICENSE-3RD-PARTY.txt says, where there is one.

| folder | package | version | licence | file | for |
|---|---|---|---|---|---|
TEXT
  cat "$work/table" >> "$1/README.md"
  cat "$1/README.md"
}

begin "$served"
take "$served" bootstrap dist/css/bootstrap.min.css "layout and form controls; the look is our own"
take "$served" chart.js dist/chart.umd.min.js "charts" @kurkle/color
take "$served" htmx.org dist/htmx.min.js "parts of pages change without a reload"
describe "$served" "What the pages use of others"

begin "$shipped"
take "$shipped" chart.js dist/chart.umd.min.js "charts of the insights in Django's admin" @kurkle/color
describe "$shipped" "What the pages of \`analytics\` use of others"

begin "$tested"
take "$tested" axe-core axe.min.js "finds what shuts people out; never served by the site"
describe "$tested" "What the browser tests use of others"
