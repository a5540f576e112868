#!/bin/sh
# Postgres' archive_command: keeps one file of WAL, compressed, in a directory. Under its name it is whole
# or not there, and other content never takes its place. For files of a lost server, run it by hand.
# usage: archive-wal.sh PATH NAME DIRECTORY
set -eu
umask 077
kept="$3/$2.gz"
if [ -e "$kept" ]; then
  # Postgres asks again when it was killed before it had noted that this one is kept.
  if gunzip -c "$kept" | cmp -s - "$1"; then exit 0; fi
  echo "$kept is there already, with other content: is another server's archive in $3?" >&2
  exit 1
fi
unfinished="$kept.unfinished"
gzip -1 -c <"$1" >"$unfinished"
sync "$unfinished"
mv "$unfinished" "$kept"
sync "$3"
