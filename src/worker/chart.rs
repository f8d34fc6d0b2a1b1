//! The chart of a stream's life, an arm for each of its edges: see [`crate::transaction`].

use super::{Outside, Worker};
use crate::metrics::{Metric, RefreshEnd};
use crate::reason::{L2Failure, NotStored};
use crate::transaction::{Event, Phase, Stream, Turn, Verdict};

impl Worker {
    pub(super) fn step(
        &mut self,
        stream: Stream,
        phase: Option<Phase>,
        event: Event<'_>,
        outside: &mut Outside<'_>,
    ) -> (Option<Phase>, Verdict) {
        match (phase, event) {
            (None, Event::RequestHead { headers, end }) => self.begin(stream, headers, end, outside),
            (Some(Phase::ReadingBody(reading)), Event::RequestBody { length, bytes }) => {
                self.read_body(*reading, length, bytes, outside)
            }
            (Some(Phase::ReadingBody(reading)), Event::Deadline) => self.give_up_body(*reading, outside),
            (Some(Phase::Passing(passing)), Event::RequestBody { .. }) => self.late_body(passing, outside),
            (Some(Phase::Lookup(looking)), Event::L2(reply)) => self.looked(*looking, reply, outside),
            (Some(Phase::Lookup(looking)), Event::Deadline) => self.looked(*looking, Err(L2Failure::Timeout), outside),
            (Some(phase), Event::RequestBody { .. }) if pauses(&phase) => (Some(phase), Verdict::Pause),
            (Some(Phase::Waiting(waiting)), Event::Deadline) if waiting.turn.is_none() => {
                self.waited(*waiting, outside)
            }
            (Some(Phase::Waiting(waiting)), Event::Woken | Event::Deadline) => self.woken(*waiting, outside),
            (Some(Phase::Waiting(waiting)), Event::Gone) => self.leaves(&waiting),
            (Some(Phase::Polling(polling)), Event::Woken | Event::Deadline) => self.poll_again(*polling, outside),
            (Some(Phase::Polling(polling)), Event::Gone) => self.give_up(&polling.looking),
            (Some(Phase::Parked(parked)), Event::Woken | Event::Deadline) => self.unparked(*parked, outside),
            (Some(Phase::Parked(parked)), Event::Gone) => self.abandon(&parked.looking),
            (Some(Phase::Lookup(looking)), Event::Gone) => self.abandon(&looking),
            (Some(Phase::Refreshing(refreshing)), Event::Refresh) => self.begin_refresh(*refreshing, outside),
            (Some(Phase::Changing(changing)), Event::ResponseHead { headers, end, from_origin }) => {
                self.changed(*changing, headers, end, from_origin, outside)
            }
            (Some(phase @ Phase::Changing(_)), Event::RequestBody { .. }) => (Some(phase), Verdict::Continue),
            (Some(phase @ Phase::Fetching(_)), Event::RequestBody { .. }) => (Some(phase), Verdict::Continue),
            (Some(Phase::Fetching(fetching)), Event::ResponseHead { headers, end, from_origin }) => {
                self.respond(*fetching, headers, end, from_origin, outside)
            }
            (Some(Phase::Fetching(fetching)), Event::Gone) if fetching.asked.background => {
                self.end_refresh(&fetching.asked, RefreshEnd::Failed)
            }
            (Some(Phase::Fetching(fetching)), Event::Gone) => self.count_fetch(&fetching),
            (Some(Phase::Passing(passing)), Event::ResponseHead { headers, .. }) => self.passed(passing, &headers),
            (Some(Phase::Filling(filling)), Event::ResponseBody(bytes)) => {
                self.capture(*filling, bytes, outside.now.mono)
            }
            (Some(Phase::Filling(filling)), Event::ResponseEnd) => self.finish(*filling, outside),
            (Some(Phase::Filling(filling)), Event::Gone) => {
                self.drop_fill(&filling.asked, NotStored::NotWhole, false, outside.now.mono)
            }
            (Some(phase), Event::ResponseBody(_)) => (Some(phase), Verdict::Continue),
            (_, Event::Gone | Event::ResponseEnd) => (None, Verdict::Continue),
            // The reply to a lookup that had been given up as lost, when the thread was busy for long.
            (Some(phase), Event::L2(_)) if pauses(&phase) => (Some(phase), Verdict::Pause),
            (Some(phase @ (Phase::Fetching(_) | Phase::Filling(_))), Event::L2(_)) => (Some(phase), Verdict::Continue),
            // Whoever was to be woken has moved on by itself.
            (phase, Event::Woken) => (phase, Verdict::Pause),
            (phase, event) => self.unexpected(phase.as_ref(), &event),
        }
    }

    /// A pair of state and event that the chart does not have: counted, and the stream is left alone from here on.
    fn unexpected(&mut self, phase: Option<&Phase>, event: &Event<'_>) -> (Option<Phase>, Verdict) {
        // After an answer from the cache the host still reports on its own reply; that is nothing to count.
        if phase.is_some() {
            let reason = match event {
                Event::L2(_) => "l2_reply",
                Event::ResponseHead { .. } => "response_head",
                Event::RequestHead { .. } => "request_head",
                _ => "event",
            };
            self.count(Metric::Unexpected { reason });
        }
        (None, Verdict::Continue)
    }
}

/// Whether a request in this phase asks for an answer that others may wait for.
pub(super) fn asks(phase: &Phase) -> bool {
    match phase {
        // Whose turn it is to lead leads, though it does not know yet.
        Phase::Waiting(waiting) => matches!(waiting.turn, Some(Turn::Lead)),
        Phase::Passing(_) | Phase::Changing(_) | Phase::ReadingBody(_) => false,
        _ => true,
    }
}

/// Whether a request in this phase is held back.
fn pauses(phase: &Phase) -> bool {
    matches!(phase, Phase::Waiting(_) | Phase::Lookup(_) | Phase::Polling(_) | Phase::Parked(_))
}
