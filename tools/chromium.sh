#!/bin/sh
# A browser for the tests of pages: the system's Chromium, installed where that is possible.
set -e
for name in chromium chromium-browser; do
  if [ -x "/usr/bin/$name" ]; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
else
  echo "no Chromium under /usr/bin, and it cannot be installed from here: install the package chromium" >&2
fi
