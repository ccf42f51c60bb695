#!/bin/sh
# Makes the spoken clips in this folder with flite (a permissively licensed synthesiser; `apt-get install flite sox`).
# Mono, 8 kHz, G.711 µ-law, in WAV. Run it in this folder; the results are checked in, so that a build needs neither.
set -eu
say() {
    flite -voice "$2" -t "$3" -o /tmp/trunkline-say.$$.wav
    sox -G /tmp/trunkline-say.$$.wav -r 8000 -c 1 -e mu-law "$1.wav" gain -n -6
    rm /tmp/trunkline-say.$$.wav
}
say hello rms "Hello?"
say reply rms "Yes, that works for me. Thank you."
say greeting awb "Hi, you have reached Alex. I can't come to the phone right now. Please leave your name and your number after the tone, and I will call you back as soon as I can."
say menu slt "Thank you for calling Northside Clinic. For appointments, press one. For prescriptions, press two. For opening hours, press three. To hear this menu again, press star."
say agent-prompt slt "Hello Ann, this is Sarah from Bright Smile Dental. I am calling about your appointment on Tuesday at two. Can you still make it?"
say agent-goodbye slt "Wonderful. See you then. Goodbye."
