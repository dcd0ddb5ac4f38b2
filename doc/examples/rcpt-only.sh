#!/bin/sh
# A relay detector in a few lines of shell: swaks up to RCPT, no message. The status says it all.
swaks --server "$RELAY_HOST" --port "$RELAY_PORT" --helo "$RELAY_HELO" --from "$RELAY_FROM" \
    --to "$RELAY_RCPT" --quit-after RCPT --timeout 10s --silent 3
case $? in
0) exit 10 ;;     # RCPT was accepted
24) exit 11 ;;    # no recipient was
2 | 21) exit 12 ;; # nobody there
*) exit 13 ;;
esac
