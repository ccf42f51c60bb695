#!/bin/sh
# Makes the recordings beside this script with flite (Debian's flite; its licence is of BSD kind and asks nothing of
# what it speaks; these recordings are under this project's own licence). 8 kHz mono PCM16, no silence added: the tests
# lay them into a line of their own.
set -eu
cd "$(dirname "$0")"
say() { flite -voice kal -t "$2" -o "$1.wav"; }
say hello "Hello?"
say reception "Reception, how can I help you?"
say voicemail "You have reached the mailbox of John Smith. I cannot take your call right now. Please leave a message after the tone."
