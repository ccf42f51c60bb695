//! What is heard while somebody is waited for: ringing, music, over and over until it is not wanted any more.

use std::sync::Arc;

use trunkline_media::{Clip, Command as Media};

use super::super::outbox::{Aside, Hand, Role};
use super::super::sound;
use super::pairs::{Stage, Told};
use super::{Call, Context, WAITING_MARK};
use crate::agent::{Errand, Place};
use crate::model::{Dial, Meanwhile};

/// Where people sit, who are no party that was called.
pub(super) const PEOPLES: Place = Place { at: Role::Talker.place(), party: 0 };
/// How often what is heard meanwhile begins again: 10,000 times six seconds are more than any call lasts.
const ROUNDS_MAX: u16 = 10_000;

impl Call {
    /// The far end hears something while it waits.
    pub(super) fn comfort(&mut self, cx: &mut Context<'_>, place: Place, dial: &Dial) {
        let is_handed = self.handing() == Some(place.at);
        match &dial.meanwhile {
            Meanwhile::Silence => {}
            Meanwhile::Music(Some(from)) => {
                let errand = Errand::Aside { from: from.clone(), place, whispered: false };
                self.send_for(cx, Hand::Operator, errand);
            }
            Meanwhile::Music(None) => self.let_wait(cx, sound::hold_music()),
            // Whoever is being transferred is no caller who waits for an answer.
            Meanwhile::Ringback if is_handed => self.let_wait(cx, sound::hold_music()),
            Meanwhile::Ringback => self.let_wait(cx, sound::ringback(&self.ours)),
        }
    }

    pub(super) fn let_wait(&mut self, cx: &mut Context<'_>, clip: Arc<Clip>) {
        if self.pairs.waiting.is_none() {
            self.pairs.waiting = Some((Arc::clone(&clip), 0));
            // Whoever speaks over music goes on hearing it.
            self.heed_speech(cx);
            self.order(cx, Media::Play { clip, mark: Some(WAITING_MARK) });
        }
    }

    pub(super) fn wait_no_more(&mut self, cx: &mut Context<'_>) {
        if self.pairs.waiting.take().is_some() {
            self.order(cx, Media::Clear);
            self.heed_speech(cx);
        }
    }

    /// What is heard meanwhile was heard to its end: again.
    pub(super) fn waits_on(&mut self, cx: &mut Context<'_>) {
        let Some((clip, rounds)) = &mut self.pairs.waiting else { return };
        *rounds += 1;
        if *rounds < ROUNDS_MAX {
            let clip = Arc::clone(clip);
            self.order(cx, Media::Play { clip, mark: Some(WAITING_MARK) });
        }
    }

    /// A sound that was sent for is there, or cannot be had: nobody waits for it.
    pub fn handle_aside(&mut self, cx: &mut Context<'_>, aside: Aside, clip: Result<Arc<Clip>, String>) {
        let (Aside::Music(place) | Aside::Whisper(place)) = aside;
        let is_people_s = self.awaits_person() || self.lacks_person();
        if is_people_s && aside == Aside::Music(PEOPLES) {
            return self.entertain(cx, clip.unwrap_or_else(|_| sound::hold_music()));
        }
        let here = self.pairs.at.get_mut(usize::from(place.at)).and_then(Option::as_mut);
        let Some(pairing) = here.filter(|pairing| pairing.number == place.party) else { return };
        match (aside, clip) {
            (Aside::Music(_), clip) => {
                if matches!(pairing.stage, Stage::Calling { is_heard: false }) {
                    self.let_wait(cx, clip.unwrap_or_else(|_| sound::hold_music()));
                }
            }
            (Aside::Whisper(_), Ok(clip)) => {
                pairing.whisper = Told::Ready(clip);
                self.whisper(cx, place.at);
            }
            (Aside::Whisper(_), Err(why)) => {
                pairing.whisper = Told::Nothing;
                self.controlled(cx, "whisper", Some(why));
                self.whisper(cx, place.at);
            }
        }
    }
}
