#!/bin/sh
# Runs one worker of the local batch system and writes down how it ended. It is started as the leader of a session of its
# own, so it outlives Windrow. It must never run a payload whose claim somebody else holds (another wrapper, a find that
# declared the attempt void, a sweeper), nor one whose time has passed, and must never build code out of its arguments.
#
# It is a shell script because one is started for every worker: 5 ms and 1 MB here, where a Node process takes 80 ms and
# 45 MB. Arguments: DIR KEY(as JSON) JOURNAL NOT_AFTER(epoch ms) WALLTIME(s, 0: none) GRACE(s) ATTEMPT COMMAND...
set -u
dir=$1 key=$2 journal=$3 not_after=$4 walltime=$5 grace=$6 attempt=$7
shift 7
payload='' stopping='' interrupted=''

# Sets ms. A date without %N (macOS) prints the letter, and whole seconds have to do.
now() {
  ms=$(date +%s%3N)
  case $ms in *N*) ms=$(date +%s)000 ;; esac
}

# Sets born and group of the process $1; born tells apart two processes that got the same number one after the other.
identify() {
  if { read -r boot </proc/sys/kernel/random/boot_id && read -r stat <"/proc/$1/stat"; } 2>/dev/null; then
    set -- ${stat##*) }
    born="$boot:${20}" group=$3
  else
    born=$(LC_ALL=C ps -o lstart= -p "$1" | sed 's/^ *//; s/ *$//')
    group=$(ps -o pgid= -p "$1" | tr -d ' ')
  fi
}

# Makes the record $1 with the content $2 unless it exists: a hard link appears whole or not at all.
take() {
  printf '%s\n' "$2" >"$dir/$1.$$.tmp" || return 1
  sync "$dir/$1.$$.tmp" 2>/dev/null
  ln "$dir/$1.$$.tmp" "$dir/$1" 2>/dev/null
  taken=$?
  rm -f "$dir/$1.$$.tmp"
  [ $taken -eq 0 ] && sync "$dir" 2>/dev/null
  return $taken
}

# One line, one write: several processes append here.
note() {
  printf '{"at":%s,"event":"%s","key":%s,"attempt":%s,"pid":%s%s}\n' "$ms" "$1" "$key" "$attempt" $$ "${2:-}" >>"$journal"
}

claim() {
  take claim.json "{\"by\":\"wrapper\",\"verdict\":\"$1\",\"at\":$ms,\"pid\":$$,\"born\":\"$born\"}"
}

# The first reason stands. TERM goes to the whole group, this process excepted; KILL follows after the grace.
stop() {
  interrupted=1
  [ -n "$stopping" ] || stopping=$1
  [ -n "$payload" ] && [ -z "${asked:-}" ] && ask
}
ask() {
  asked=1
  trap '' TERM
  kill -TERM 0
  (sleep "$grace"; kill -USR2 $$) &
}
trap 'stop kill' TERM INT
trap 'stop walltime' USR1
trap 'interrupted=1; kill -KILL "$payload" 2>/dev/null' USR2

finish() {
  now
  # The line comes first, so that whoever was told of the end finds it in the journal.
  note ended ",\"reason\":\"$1\",\"code\":$2"
  take ended.json "{\"reason\":\"$1\",\"code\":$2,\"at\":$ms}"
  # What the payload left behind, and the timers, go with this process: nothing outlives a worker.
  kill -KILL 0
}

identify $$
if [ "$group" != $$ ]; then
  echo "the wrapper leads no process group of its own (group $group, process $$): start it detached" >&2
  exit 2
fi
if [ -e "$dir/../kill" ]; then
  now
  claim killed && note killed
  exit 0
fi
now
if ! [ "$ms" -lt "$not_after" ]; then
  claim expired && note expired
  exit 0
fi
claim started || exit 0
note started
[ -z "$stopping" ] || finish "$stopping" null
if [ "$walltime" != 0 ]; then (sleep "$walltime" && kill -USR1 $$) & fi
# exec, so that a command named like a function or builtin of this script is still looked up in PATH.
(exec "$@") </dev/null >"$dir/stdout" 2>"$dir/stderr" &
payload=$!
identify $payload
printf '{"pid":%s,"born":"%s"}\n' $payload "$born" >"$dir/payload.json"
[ -z "$stopping" ] || [ -n "${asked:-}" ] || ask

# A trapped signal ends wait early; the status of the payload is then still to come (127: it was already handed out).
while :; do
  interrupted=''
  wait $payload
  status=$?
  [ -n "$interrupted" ] && [ $status -gt 128 ] || break
  interrupted=''
  wait $payload
  again=$?
  [ $again -eq 127 ] && break
  status=$again
  [ -n "$interrupted" ] || break
done
finish "${stopping:-exit}" $status
