//! What is to be sent to sockets, in the order in which it came.
//!
//! A hub that sends to thousands in one go keeps the runtime from passing anything on
//! until it is done, and makes it dearer. So it sends to a few at a time and gives way
//! between. What comes meanwhile waits for its turn, since its positions say that all
//! before has been heard; and whoever brought it is answered when it is sent, so that
//! a hub which forgets in between is known not to have sent it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::packet::event_frame;
use domain::live::crowd::Sending;
use domain::live::position::Position;
use edge::socket::Text;
use edge::{clock, telemetry};
use futures::channel::oneshot;

use super::Inner;

/// Sockets that are sent to without giving way.
const AT_A_TIME: usize = 64;
/// A socket that lets so much pile up is cut off.
const CLOGGED_BYTES: f64 = 1024.0 * 1024.0;
/// Whether any does is looked at whenever so much was sent.
const CHECK_AFTER_BYTES: usize = 128 * 1024;

struct Entry {
    frame: Text,
    to: Vec<u32>,
}

#[derive(Default)]
pub struct Outbox {
    entries: RefCell<Vec<Entry>>,
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
    busy: Cell<bool>,
    unchecked_bytes: Cell<usize>,
}

impl Outbox {
    /// Everything that came is sent.
    pub fn is_empty(&self) -> bool {
        !self.busy.get() && self.entries.borrow().is_empty()
    }

    /// Everything that waits, by socket, in its order.
    fn take(&self) -> (Vec<Entry>, BTreeMap<u32, Vec<usize>>) {
        let entries = self.entries.take();
        let mut by_socket: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            for socket in &entry.to {
                by_socket.entry(*socket).or_default().push(index);
            }
        }
        (entries, by_socket)
    }
}

impl Inner {
    /// Sends, after what came before; resolves when it is sent.
    pub(super) async fn deliver(self: &Rc<Self>, sendings: &[Sending]) {
        if !self.put(sendings) {
            return;
        }
        let (sender, receiver) = oneshot::channel();
        self.outbox.waiting.borrow_mut().push(sender);
        if !self.outbox.busy.replace(true) {
            let hub = Rc::clone(self);
            // Apart from the call that brought it, which may be given up.
            self.state.wait_until(async move { hub.drain().await });
        }
        // Dropped only with the hub itself.
        let _ = receiver.await;
    }

    fn put(&self, sendings: &[Sending]) -> bool {
        let mut bytes = self.outbox.unchecked_bytes.get();
        let mut entries = self.outbox.entries.borrow_mut();
        for sending in sendings.iter().filter(|sending| !sending.to.is_empty()) {
            let position = sending.position.as_ref().map(Position::text);
            let frame = event_frame(&sending.live.body, position.as_deref());
            bytes = bytes.saturating_add(frame.len());
            entries.push(Entry {
                frame: Text::new(&frame),
                to: sending.to.clone(),
            });
        }
        self.outbox.unchecked_bytes.set(bytes);
        !entries.is_empty()
    }

    async fn drain(self: &Rc<Self>) {
        loop {
            let waiting = self.outbox.waiting.take();
            let (entries, by_socket) = self.outbox.take();
            if entries.is_empty() {
                break;
            }
            let mut sent = 0_usize;
            for (count, (socket, indexes)) in by_socket.iter().enumerate() {
                if count > 0 && count.is_multiple_of(AT_A_TIME) {
                    clock::pause(0).await;
                }
                let frames = indexes.iter().filter_map(|index| entries.get(*index));
                self.sockets
                    .send_each(*socket, frames.map(|entry| &entry.frame));
                sent = sent.saturating_add(indexes.len());
            }
            telemetry::count("deliveries", &[], u64::try_from(sent).unwrap_or_default());
            self.cut_off_clogged();
            for sender in waiting {
                // Who brought it may have given up.
                let _ = sender.send(());
            }
        }
        self.outbox.busy.set(false);
    }

    fn cut_off_clogged(self: &Rc<Self>) {
        // Less than that cannot have piled up so far that anybody has to be looked at.
        if self.outbox.unchecked_bytes.get() < CHECK_AFTER_BYTES {
            return;
        }
        self.outbox.unchecked_bytes.set(0);
        for number in self.sockets.clogged(CLOGGED_BYTES) {
            telemetry::count("sockets_clogged", &[], 1);
            self.cut_off(number, "too slow");
        }
    }
}
