//! The records of the calls that are alive, and the rows that are not written yet. Pure: no clock, no database.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use super::{Clock, Slot};
use crate::billing;
use crate::model::{
    AgentId, CallEvent, CallFact, CallId, CallRecord, CallState, CampaignId, Dialing, DoNotCall, EventKind,
    EventSet, Heard, KeyId, Outcome, RecordingResult, Takes, TenantId, Timestamp,
};
use crate::store::Write;

/// Calls and rows.
#[derive(Default)]
pub(super) struct Books {
    calls: HashMap<CallId, Entry>,
    /// In the order in which they happened: a few for each slot.
    pending: VecDeque<Pending>,
    alive: usize,
    /// The promises of requests whose fate is not known, by their word, which few share.
    promises: HashMap<Arc<str>, Vec<Promise>>,
    /// The word that each call was promised by.
    words: HashMap<CallId, Arc<str>>,
    /// Nobody will add anything any more.
    pub closed: bool,
}

/// A call, until its end is on disk.
struct Entry {
    record: Arc<CallRecord>,
    slot: Slot,
    /// When its party left for one that is paid for apart.
    paid_until: Option<Timestamp>,
    /// Whoever is at the other end wants no more such calls, and that is written.
    has_objected: bool,
    /// That it is known who answered is written.
    is_judged: bool,
}

/// That a request which comes again is the same.
struct Promise {
    call: CallId,
    key: KeyId,
    stands: Promised,
}

/// How a promise stands whose fate is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Promised {
    /// Its commit is under way.
    UnderWay,
    /// Its commit may be on disk or not, and is taken back.
    Doubtful,
}

/// A row to be written.
pub(super) struct Pending {
    pub write: Write,
    /// A withdrawn call has no entry that would hold its slot.
    _slot: Option<Slot>,
}

impl Books {
    pub fn follow(&mut self, record: CallRecord, slot: Slot) {
        let call = record.call;
        // Of a call that an earlier run left it stands in the row, if it was written.
        let is_judged = record.verdict.is_some();
        let record = Arc::new(record);
        let entry = Entry { record, slot, paid_until: None, has_objected: false, is_judged };
        if self.calls.insert(call, entry).is_none() {
            self.alive += 1;
        }
    }

    /// Does a call of this agent live? Asked when an agent is to be removed, which is rare.
    pub fn lives_with(&self, agent: AgentId) -> bool {
        let lives = |entry: &Entry| entry.record.agent == agent && entry.record.state != CallState::Ended;
        self.calls.values().any(lives)
    }

    /// Who talks in a call, and whose recipient it is for.
    pub fn campaign_of(&self, call: CallId) -> Option<(AgentId, CampaignId)> {
        let record = &self.calls.get(&call)?.record;
        record.recipient.map(|recipient| (record.agent, recipient.campaign))
    }

    /// The calls of this tenant that live, and whose each is. Asked when a campaign looks whom it may dial for.
    pub fn live_of(&self, tenant: TenantId) -> Vec<(CallId, AgentId)> {
        let records = self.calls.values().map(|entry| &entry.record);
        let live = records.filter(|record| record.tenant == tenant && record.state != CallState::Ended);
        live.map(|record| (record.call, record.agent)).collect()
    }

    /// A call is about to be committed with this promise.
    pub fn promise(&mut self, call: CallId, key: KeyId, word: String) {
        let word: Arc<str> = word.into();
        self.words.insert(call, Arc::clone(&word));
        self.promises.entry(word).or_default().push(Promise { call, key, stands: Promised::UnderWay });
    }

    /// What became of a call's promise is known.
    pub fn settle(&mut self, call: CallId) {
        let Some(word) = self.words.remove(&call) else { return };
        let Some(promises) = self.promises.get_mut(&word) else { return };
        promises.retain(|promise| promise.call != call);
        if promises.is_empty() {
            self.promises.remove(&word);
        }
    }

    /// How a promise stands, if that is not known for certain.
    pub fn promised(&self, key: KeyId, word: &str) -> Option<Promised> {
        let same = self.promises.get(word)?.iter().filter(|promise| promise.key == key);
        let mut open = same.map(|promise| promise.stands).peekable();
        open.peek()?;
        Some(if open.any(|stands| stands == Promised::Doubtful) {
            Promised::Doubtful
        } else {
            Promised::UnderWay
        })
    }

    pub fn withdraw(&mut self, call: CallId, slot: Slot) {
        let promises = self.words.get(&call).and_then(|word| self.promises.get_mut(word));
        if let Some(promise) = promises.into_iter().flatten().find(|promise| promise.call == call) {
            promise.stands = Promised::Doubtful;
        }
        self.pending.push_back(Pending { write: Write::Withdrawn(call), _slot: Some(slot) });
    }

    pub fn dialing(&mut self, dialing: Dialing) {
        let Some(entry) = self.calls.get_mut(&dialing.call) else { return };
        // It may be over by now: hung up while its next INVITE was written down.
        if entry.record.state == CallState::Ended {
            return;
        }
        let record = Arc::make_mut(&mut entry.record);
        began(record);
        (record.trunk, record.sip_call_id) = (dialing.trunk, dialing.sip_call_id);
        record.attempts = dialing.attempts;
    }

    pub fn find(&self, call: CallId) -> Option<CallRecord> {
        self.calls.get(&call).map(|entry| CallRecord::clone(&entry.record))
    }

    pub fn alive(&self) -> usize {
        self.alive
    }

    /// Takes a fact into the call's record. Is there something to write?
    pub fn take(&mut self, event: &CallEvent, clock: &Clock, data_dir: &Path) -> bool {
        let Some(entry) = self.calls.get_mut(&event.call) else { return false };
        if entry.record.state == CallState::Ended {
            return false;
        }
        let write = match &event.fact {
            CallFact::Dialing { .. } => {
                began(Arc::make_mut(&mut entry.record));
                return false;
            }
            CallFact::Ringing { .. } => {
                let record = Arc::make_mut(&mut entry.record);
                let (is_first, at) = (record.ringing_at.is_none(), clock.civil(event.at));
                record.ringing_at.get_or_insert(at);
                if !is_first {
                    return false;
                }
                Write::Told { call: event.call, event: EventKind::Ringing, at }
            }
            CallFact::Verdict(verdict) => {
                heard(Arc::make_mut(&mut entry.record), verdict);
                return false;
            }
            CallFact::Judged => {
                entry.is_judged = true;
                Write::Judged { record: Arc::clone(&entry.record), at: clock.civil(event.at) }
            }
            CallFact::AgentSpoke { dead_air } => {
                Arc::make_mut(&mut entry.record).dead_air.get_or_insert(*dead_air);
                return false;
            }
            CallFact::RecordingStarted => {
                // Once a call. Who wants to hear it, the store knows.
                Write::Told {
                    call: event.call,
                    event: EventKind::RecordingStarted,
                    at: clock.civil(event.at),
                }
            }
            // Once is enough, however often it is said.
            CallFact::Objected { .. } if entry.has_objected => return false,
            CallFact::Objected { number, reason } => {
                entry.has_objected = true;
                Write::DoNotCall(DoNotCall {
                    tenant: entry.record.tenant,
                    number: number.clone(),
                    reason: *reason,
                    note: None,
                    call: Some(event.call),
                    at: clock.civil(event.at),
                })
            }
            CallFact::Diverted { .. }
            | CallFact::Controlled { .. }
            | CallFact::Transfer { .. }
            | CallFact::EarlyMedia
            | CallFact::Answer { .. }
            | CallFact::BargeIn
            | CallFact::Dtmf { .. }
            | CallFact::Message { .. } => {
                return false;
            }
            CallFact::Answered { dialog, recorded } => {
                let record = Arc::make_mut(&mut entry.record);
                let answered_at = clock.civil(event.at);
                record.state = CallState::Answered;
                record.answered_at = Some(answered_at);
                Write::Answered {
                    call: event.call,
                    ringing_at: record.ringing_at,
                    answered_at,
                    dialog: Arc::new((**dialog).clone()),
                    told: answered(*recorded),
                }
            }
            CallFact::Moved { dialog, paid_apart } => {
                if *paid_apart {
                    entry.paid_until.get_or_insert(clock.civil(event.at));
                }
                // Without an answer there is nobody to move away from.
                let Some(answered_at) = entry.record.answered_at else { return false };
                let ringing_at = entry.record.ringing_at;
                Write::Answered {
                    call: event.call,
                    ringing_at,
                    answered_at,
                    dialog: Arc::new((**dialog).clone()),
                    told: EventSet::default(),
                }
            }
            CallFact::Ended(outcome) => {
                let record = Arc::make_mut(&mut entry.record);
                ended(record, outcome, clock, data_dir);
                record.charge = match entry.paid_until {
                    None => billing::settlement(record),
                    until => billing::settlement(&CallRecord { ended_at: until, ..record.clone() }),
                };
                entry.slot.settle(record);
                self.alive -= 1;
                // Who asked for nothing but this hears that it was not found out.
                let waits = record.callbacks.iter().any(|callback| callback.events.has(EventKind::Judged));
                if waits && !entry.is_judged && record.answered_at.is_some() {
                    let at = clock.civil(event.at);
                    let write = Write::Judged { record: Arc::clone(&entry.record), at };
                    self.pending.push_back(Pending { write, _slot: None });
                }
                Write::Ended(Arc::clone(&entry.record))
            }
        };
        self.pending.push_back(Pending { write, _slot: None });
        true
    }

    /// The oldest rows that are not written, at most so many.
    pub fn take_pending(&mut self, count_max: usize) -> Vec<Pending> {
        let count = self.pending.len().min(count_max);
        self.pending.drain(..count).collect()
    }

    /// These rows are on disk, or were given up: their calls are the store's alone.
    pub fn forget(&mut self, written: &[Pending]) {
        for pending in written {
            match &pending.write {
                Write::Ended(record) => drop(self.calls.remove(&record.call)),
                Write::Withdrawn(call) => self.settle(*call),
                Write::Answered { .. } | Write::Judged { .. } | Write::Told { .. } | Write::DoNotCall(_) => {}
            }
        }
    }
}

/// What is told of a call that was answered.
fn answered(recorded: bool) -> EventSet {
    let recording = recorded.then_some(EventKind::RecordingStarted);
    [Some(EventKind::Answered), recording].into_iter().flatten().collect()
}

fn began(record: &mut CallRecord) {
    if record.state == CallState::Accepted {
        record.state = CallState::Dialing;
    }
}

fn heard(record: &mut CallRecord, heard: &Heard) {
    record.verdict = Some(heard.class.to_owned());
    record.verdict_reason = Some(heard.reason.clone());
    record.verdict_evidence = Some(heard.evidence.clone());
}

/// All times come from one reading of the clocks, so that a step of the civil one does not stretch a call.
fn ended(record: &mut CallRecord, outcome: &Outcome, clock: &Clock, data_dir: &Path) {
    record.state = CallState::Ended;
    record.ringing_at = outcome.ringing_at.map(|at| clock.civil(at)).or(record.ringing_at);
    record.answered_at = outcome.answered_at.map(|at| clock.civil(at)).or(record.answered_at);
    record.ended_at = Some(clock.civil(outcome.ended_at));
    record.disposition = Some(outcome.disposition);
    record.ended_by = Some(outcome.ended_by.as_str().to_owned());
    record.sip_status = outcome.sip_status;
    record.q850 = outcome.q850;
    record.detail.clone_from(&outcome.detail);
    record.not_again_before = outcome.callee_hold.map(|hold| clock.civil(outcome.ended_at).after(hold));
    if !outcome.attempts.is_empty() {
        record.attempts.clone_from(&outcome.attempts);
    }
    record.dead_air = outcome.dead_air.or(record.dead_air);
    if let Some(last) = &outcome.heard {
        heard(record, last);
    }
    record.media.clone_from(&outcome.media);
    record.transcript = outcome.transcript.said(outcome.answered_at);
    record.people.clone_from(&outcome.people);
    match &outcome.recording {
        Some(RecordingResult::Saved { path, takes, .. }) => recorded(record, path, takes, data_dir),
        Some(RecordingResult::Cut { path, takes, reason }) => {
            recorded(record, path, takes, data_dir);
            record.recording_error = Some(reason.clone());
        }
        Some(RecordingResult::Failed { reason }) => record.recording_error = Some(reason.clone()),
        None => {}
    }
    record.begin_review();
}

/// Where its recording is, and what of the call that holds.
fn recorded(record: &mut CallRecord, path: &Path, takes: &Takes, data_dir: &Path) {
    let below = path.strip_prefix(data_dir).unwrap_or(path);
    if let Some(review) = &mut record.review {
        review.takes.clone_from(takes);
    }
    record.recording = Some(below.to_string_lossy().into_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_stands_until_the_last_who_gave_it_is_known_of() {
        let (mut books, key) = (Books::default(), KeyId(7));
        let calls = [1, 2].map(|id| CallId::new(id).expect("an id"));
        for call in calls {
            books.promise(call, key, "word".to_owned());
        }
        books.promise(CallId::new(3).expect("an id"), KeyId(8), "word".to_owned());
        for call in calls {
            assert_eq!(books.promised(key, "word"), Some(Promised::UnderWay));
            books.settle(call);
        }
        assert_eq!(books.promised(key, "word"), None);
        assert_eq!(books.promised(KeyId(8), "word"), Some(Promised::UnderWay), "another's by the same word");
        assert_eq!(books.promised(KeyId(8), "other"), None);
    }
}
