//! The lines from a hub to the streams: which rooms have somebody, and what those who
//! are back have missed. One call to a stream at a time; what comes up meanwhile goes
//! with the next, so a crowd that arrives at once shares its trips.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use contract::realtime::{Attend, Attended, Missed, STREAM_DESK, Wish, stream_name};
use contract::{Problem, code};
use domain::live::position::Mark;
use domain::placement::backoff_ms;
use edge::call::{To, call};
use edge::{Scope, clock, telemetry};
use futures::channel::oneshot;
use futures::future::join_all;

use super::Inner;

const TRIES: u32 = 4;
/// Wishes that go in one call, at most.
const WISHES_MAX: usize = 500;

/// What a stream answered to some wishes.
#[derive(Debug, Clone)]
pub struct Heard {
    pub head: Mark,
    /// For a session that is back.
    pub missed: Option<Missed>,
}

struct Asking {
    wishes: Vec<Wish>,
    /// Whoever waits for it.
    done: Option<oneshot::Sender<Option<Heard>>>,
}

pub struct Line {
    stream: u16,
    /// The life of the stream that knows our rooms; 0 for none.
    boot: Cell<u64>,
    queue: RefCell<VecDeque<Asking>>,
    busy: Cell<bool>,
}

impl Line {
    pub fn new(stream: u16) -> Self {
        Self {
            stream,
            boot: Cell::new(0),
            queue: RefCell::default(),
            busy: Cell::new(false),
        }
    }

    /// The stream has begun another life and does not know our rooms.
    pub fn is_new_boot(&self, boot: u64) -> bool {
        self.boot.get() != boot
    }

    fn take(&self) -> Vec<Asking> {
        let mut queue = self.queue.borrow_mut();
        let mut count = 0_usize;
        let mut taken = Vec::new();
        while let Some(next) = queue.front() {
            count = count.saturating_add(next.wishes.len());
            if count > WISHES_MAX && !taken.is_empty() {
                break;
            }
            taken.extend(queue.pop_front());
        }
        taken
    }
}

fn unreachable_stream() -> Problem {
    Problem::new(
        code::UNAVAILABLE,
        "a part of the shop did not answer; try again",
    )
    .retry_after(1)
}

impl Inner {
    /// Asks every stream, and waits for all.
    pub(super) async fn ask_streams(
        self: &Rc<Self>,
        wishes: Vec<Vec<Wish>>,
    ) -> Result<Vec<Heard>, Problem> {
        let mut wishes = wishes.into_iter();
        let asked: Vec<_> = (0..self.lines.len())
            .map(|stream| self.ask_stream(stream, wishes.next().unwrap_or_default()))
            .collect();
        let heard: Option<Vec<Heard>> = join_all(asked).await.into_iter().collect();
        heard.ok_or_else(unreachable_stream)
    }

    fn ask_stream(
        self: &Rc<Self>,
        stream: usize,
        wishes: Vec<Wish>,
    ) -> impl Future<Output = Option<Heard>> {
        let (sender, receiver) = oneshot::channel();
        self.queue(stream, wishes, Some(sender));
        async move { receiver.await.ok().flatten() }
    }

    /// Lets every stream know, without waiting.
    pub(super) fn wish_all(self: &Rc<Self>, wishes: &[Wish]) {
        if wishes.is_empty() {
            return;
        }
        for stream in 0..self.lines.len() {
            self.queue(stream, wishes.to_vec(), None);
        }
    }

    /// Tells a stream all rooms there are, without waiting.
    pub(super) fn say_all(self: &Rc<Self>, stream: usize) {
        if let Some(line) = self.lines.get(stream) {
            line.boot.set(0);
            self.queue(stream, Vec::new(), None);
        }
    }

    pub(super) async fn tell_stream(self: &Rc<Self>, stream: usize) -> Result<(), Problem> {
        if let Some(line) = self.lines.get(stream) {
            line.boot.set(0);
            let heard = self.ask_stream(stream, Vec::new()).await;
            heard.ok_or_else(unreachable_stream)?;
        }
        Ok(())
    }

    fn queue(
        self: &Rc<Self>,
        stream: usize,
        wishes: Vec<Wish>,
        done: Option<oneshot::Sender<Option<Heard>>>,
    ) {
        let Some(line) = self.lines.get(stream) else {
            return;
        };
        line.queue.borrow_mut().push_back(Asking { wishes, done });
        if line.busy.replace(true) {
            return;
        }
        let hub = Rc::clone(self);
        self.state.wait_until(async move {
            if let Some(line) = hub.lines.get(stream) {
                loop {
                    let asking = line.take();
                    if asking.is_empty() {
                        break;
                    }
                    hub.carry(line, asking).await;
                }
                line.busy.set(false);
            }
        });
    }

    /// One call, repeated until it is answered or hope is lost. Safe to repeat: wishes
    /// say how things are to be, and a stream that hears twice what is missed tells it
    /// twice to us, and we to the client once.
    async fn carry(self: &Rc<Self>, line: &Line, asking: Vec<Asking>) {
        let wishes: Vec<Wish> = asking.iter().flat_map(|one| one.wishes.clone()).collect();
        let mut tries = 0;
        let known = loop {
            match self.attend(line, &wishes).await {
                Some(known) => break Some(known),
                None if tries < TRIES => {
                    tries = tries.saturating_add(1);
                    clock::pause(backoff_ms(tries)).await;
                }
                None => break None,
            }
        };
        let Some((head, missed)) = known else {
            telemetry::error("stream_unreachable", &[]);
            for one in asking {
                let _ = one.done.map(|done| done.send(None));
            }
            return;
        };
        let mut missed = missed.into_iter();
        for one in asking {
            let is_back = |wish: &&Wish| matches!(wish, Wish::Back { .. });
            let backs = one.wishes.iter().filter(is_back).count();
            let answer = Heard {
                head,
                missed: missed.by_ref().take(backs).last(),
            };
            let _ = one.done.map(|done| done.send(Some(answer)));
        }
    }

    async fn attend(self: &Rc<Self>, line: &Line, wishes: &[Wish]) -> Option<(Mark, Vec<Missed>)> {
        let scope = Scope::default().within(&self.state);
        let name = stream_name(line.stream);
        // The second time with all rooms, if the stream did not know them.
        for _ in 0..2 {
            let boot = line.boot.get();
            let all = (boot == 0).then(|| self.crowd.borrow().rooms().cloned().collect());
            let attend = Attend {
                stream: line.stream,
                hub: self.number.get().unwrap_or_default(),
                boot,
                all,
                wishes: wishes.to_vec(),
            };
            match call(&self.env, &scope, To::Object(STREAM_DESK, &name), attend).await {
                Ok(Attended::Unknown) => line.boot.set(0),
                Ok(Attended::Known {
                    epoch,
                    boot,
                    head,
                    acked,
                    pending,
                    missed,
                }) => {
                    line.boot.set(boot);
                    let told = Mark { epoch, seq: acked };
                    let stream = usize::from(line.stream);
                    self.crowd.borrow_mut().learn(stream, told, pending);
                    return Some((Mark { epoch, seq: head }, missed));
                }
                Err(error) => {
                    telemetry::error("attend_failed", &[("reason", &format!("{error:?}"))]);
                    return None;
                }
            }
        }
        None
    }
}
