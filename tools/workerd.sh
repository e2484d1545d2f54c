#!/bin/sh
# Stands between Miniflare and workerd, because Node can do none of this: raises the soft limit of
# open files to the hard one (each Durable Object in use holds three), keeps Ctrl-C for the tool
# that started it, ends with that tool even when it is killed, and leaves the process id behind.
ulimit -n "$(ulimit -Hn)" 2>/dev/null
trap '' INT
echo $$ > "$ORDERLANE_PID_FILE"
if command -v setpriv >/dev/null 2>&1; then
  exec setpriv --pdeathsig KILL "$ORDERLANE_WORKERD" "$@"
fi
exec "$ORDERLANE_WORKERD" "$@"
