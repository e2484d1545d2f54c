//! Who is at a hub: sockets by number, their rooms, and how far each has heard.
//!
//! A socket that comes in is *waiting* until every stream has said from which number
//! on it may count on the hub; what arrives meanwhile is kept for it. From then on it
//! hears what lies behind its *floor*, the position at which it came in. So nothing
//! falls between what it is sent again and what it hears live, and nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::outlet::{Addressed, Batch};
use super::position::{Mark, Position};

/// A socket that waits keeps as many events at most; one that gets more is too slow.
pub const WAITING_MAX: usize = 5_000;

/// An event as it goes to sockets, but for the position at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub body: Rc<str>,
    /// Its number, unless it is one of which only the latest counts.
    pub at: Option<(usize, Mark)>,
}

#[derive(Debug, Default)]
struct Member {
    rooms: BTreeSet<String>,
    floor: Position,
    /// The hub has not passed its floor everywhere yet, so it has positions of its own.
    ahead: bool,
    waiting: Option<Vec<Live>>,
}

/// One event for some sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    pub live: Live,
    /// What these sockets have heard when they have heard this.
    pub position: Option<Position>,
    pub to: Vec<u32>,
}

/// What comes of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub sendings: Vec<Sending>,
    /// These may have missed something, or may hear it twice. They are to be cut off,
    /// so that they come back and get exactly what they missed.
    pub cut_off: BTreeSet<u32>,
}

#[derive(Debug)]
pub struct Crowd {
    /// The hub has told its sockets everything up to here.
    passed: Position,
    members: BTreeMap<u32, Member>,
    rooms: BTreeMap<String, BTreeSet<u32>>,
    /// Streams of which something was on its way when the hub woke. Its sockets may
    /// have heard it from the hub's former life, so `passed` may lag behind them.
    doubtful: BTreeSet<usize>,
    /// Sockets that waited too long for too much.
    drowned: BTreeSet<u32>,
}

impl Crowd {
    pub fn new(streams: usize) -> Self {
        Self {
            passed: Position::new(streams),
            members: BTreeMap::new(),
            rooms: BTreeMap::new(),
            doubtful: BTreeSet::new(),
            drowned: BTreeSet::new(),
        }
    }

    pub fn passed(&self) -> &Position {
        &self.passed
    }

    /// A stream says that everything up to this mark was sent to the hub and arrived,
    /// and whether more may have. Believed where the hub has no memory of its own, or
    /// one of a former life of the stream; else only forward.
    pub fn learn(&mut self, stream: usize, mark: Mark, pending: bool) {
        if !pending {
            self.doubtful.remove(&stream);
        } else if self.passed.get(stream).is_none() {
            self.doubtful.insert(stream);
        }
        self.pass(stream, mark);
    }

    fn pass(&mut self, stream: usize, mark: Mark) {
        let newer = match self.passed.get(stream) {
            Some(known) => known.epoch != mark.epoch || known.seq < mark.seq,
            None => true,
        };
        if newer {
            self.passed.set(stream, mark);
        }
    }

    /// A batch that was never sent before is here, so nobody heard it from a former
    /// life of the hub.
    pub fn arrives(&mut self, stream: usize) {
        self.doubtful.remove(&stream);
    }

    /// Whether it is certain what the sockets of a former life have heard.
    pub fn is_certain(&self) -> bool {
        self.doubtful.is_empty()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    pub fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    pub fn rooms(&self) -> impl Iterator<Item = &String> {
        self.rooms.keys()
    }

    pub fn rooms_of(&self, socket: u32) -> Option<&BTreeSet<String>> {
        self.members.get(&socket).map(|member| &member.rooms)
    }

    /// Members of a room that are not waiting.
    pub fn in_room(&self, room: &str) -> Vec<u32> {
        let all = self.rooms.get(room).into_iter().flatten().copied();
        all.filter(|socket| self.is_settled(*socket)).collect()
    }

    fn is_settled(&self, socket: u32) -> bool {
        let member = self.members.get(&socket);
        member.is_some_and(|member| member.waiting.is_none())
    }

    /// A socket comes in, and waits until it is settled.
    pub fn enter(&mut self, socket: u32, rooms: impl IntoIterator<Item = String>) {
        let member = Member {
            waiting: Some(Vec::new()),
            ..Member::default()
        };
        self.members.insert(socket, member);
        for room in rooms {
            self.join(socket, &room);
        }
    }

    /// A socket that was here before the hub lost its memory.
    pub fn was_here(
        &mut self,
        socket: u32,
        rooms: impl IntoIterator<Item = String>,
        floor: Position,
    ) {
        self.enter(socket, rooms);
        if let Some(member) = self.members.get_mut(&socket) {
            member.waiting = None;
            member.floor = floor;
            member.ahead = true;
        }
    }

    /// The socket has got everything up to this position, and gets what waited behind
    /// it, and from now on what comes.
    pub fn settle(&mut self, socket: u32, floor: Position) -> Vec<Sending> {
        let Some(member) = self.members.get_mut(&socket) else {
            return Vec::new();
        };
        member.floor = floor;
        member.ahead = !self.passed.covers(&member.floor);
        let waited = member.waiting.take().unwrap_or_default();
        let mut heard = member.floor.clone();
        let mut sendings = Vec::new();
        for live in waited {
            let position = match live.at {
                Some((stream, mark)) if !is_behind(&heard, stream, mark) => {
                    heard.set(stream, mark);
                    Some(heard.clone())
                }
                Some(_) => continue,
                None => None,
            };
            sendings.push(Sending {
                live,
                position,
                to: vec![socket],
            });
        }
        sendings
    }

    pub fn join(&mut self, socket: u32, room: &str) {
        if let Some(member) = self.members.get_mut(&socket) {
            member.rooms.insert(room.to_owned());
            let there = self.rooms.entry(room.to_owned()).or_default();
            there.insert(socket);
        }
    }

    /// True when the room has no member left.
    pub fn part(&mut self, socket: u32, room: &str) -> bool {
        let was_in = self
            .members
            .get_mut(&socket)
            .is_some_and(|member| member.rooms.remove(room));
        was_in && self.vacate(socket, room)
    }

    fn vacate(&mut self, socket: u32, room: &str) -> bool {
        let Some(there) = self.rooms.get_mut(room) else {
            return false;
        };
        there.remove(&socket);
        let empty = there.is_empty();
        if empty {
            self.rooms.remove(room);
        }
        empty
    }

    /// A socket goes. The rooms that have no member left.
    pub fn leave(&mut self, socket: u32) -> Vec<String> {
        let Some(member) = self.members.remove(&socket) else {
            return Vec::new();
        };
        let rooms = member.rooms.into_iter();
        rooms.filter(|room| self.vacate(socket, room)).collect()
    }

    /// Everyone in one of these rooms, once.
    fn members_of(&self, rooms: &[String]) -> Vec<u32> {
        let mut there = rooms.iter().filter_map(|room| self.rooms.get(room));
        let (first, rest) = (there.next(), there.collect::<Vec<_>>());
        let first = first.into_iter().flatten().copied();
        if rest.is_empty() {
            return first.collect();
        }
        let all: BTreeSet<u32> = first.chain(rest.into_iter().flatten().copied()).collect();
        all.into_iter().collect()
    }

    /// A batch has come from a stream.
    ///
    /// Safe to repeat while the hub remembers: what was passed is passed. A hub that
    /// woke since the batch was first sent cannot know whether its sockets heard it from
    /// its former life, so those whom it concerns are cut off. So are those who get
    /// something from one stream while that is the question of another: no position
    /// could be told them.
    pub fn take<E: Addressed>(
        &mut self,
        stream: usize,
        epoch: u32,
        batch: &Batch<E>,
        body: impl Fn(&E) -> Rc<str>,
    ) -> Taken {
        let mut taken = Taken::default();
        if !batch.repeated {
            self.arrives(stream);
        }
        if batch.gap {
            taken.cut_off = self.members.keys().copied().collect();
        } else if self.is_certain() {
            for (seq, event) in &batch.events {
                let mark = Mark { epoch, seq: *seq };
                let sendings = self.deliver(stream, mark, event.rooms(), &body(event));
                taken.sendings.extend(sendings);
            }
        } else {
            let concerned = batch.events.iter();
            let concerned = concerned.flat_map(|(_, event)| self.members_of(event.rooms()));
            taken.cut_off = concerned.collect();
        }
        let end = Mark {
            epoch,
            seq: batch.upto,
        };
        self.pass(stream, end);
        self.doubtful.remove(&stream);
        for event in &batch.latest {
            let sending = self.deliver_latest(event.rooms(), &body(event));
            taken.sendings.push(sending);
        }
        taken.cut_off.append(&mut self.drowned);
        taken
    }

    /// An event has come from a stream: who gets it. One that was passed before is
    /// for nobody.
    fn deliver(
        &mut self,
        stream: usize,
        mark: Mark,
        rooms: &[String],
        body: &Rc<str>,
    ) -> Vec<Sending> {
        if is_behind(&self.passed, stream, mark) {
            return Vec::new();
        }
        self.passed.set(stream, mark);
        let live = Live {
            body: Rc::clone(body),
            at: Some((stream, mark)),
        };
        let mut together = Vec::new();
        let mut sendings = Vec::new();
        for socket in self.members_of(rooms) {
            let Some(member) = self.members.get_mut(&socket) else {
                continue;
            };
            if let Some(waiting) = &mut member.waiting {
                waiting.push(live.clone());
                if waiting.len() > WAITING_MAX {
                    self.drowned.insert(socket);
                }
                continue;
            }
            if !member.ahead {
                together.push(socket);
                continue;
            }
            if self.passed.covers(&member.floor) {
                member.ahead = false;
            }
            if !is_behind(&member.floor, stream, mark) {
                sendings.push(Sending {
                    live: live.clone(),
                    position: Some(self.passed.or_later(&member.floor)),
                    to: vec![socket],
                });
            }
        }
        if !together.is_empty() {
            sendings.push(Sending {
                live,
                position: Some(self.passed.clone()),
                to: together,
            });
        }
        sendings
    }

    /// An event of which only the latest counts: it has no number and moves nobody.
    fn deliver_latest(&mut self, rooms: &[String], body: &Rc<str>) -> Sending {
        let live = Live {
            body: Rc::clone(body),
            at: None,
        };
        let mut to = Vec::new();
        for socket in self.members_of(rooms) {
            match self
                .members
                .get_mut(&socket)
                .map(|member| &mut member.waiting)
            {
                Some(Some(waiting)) => waiting.push(live.clone()),
                Some(None) => to.push(socket),
                None => {}
            }
        }
        Sending {
            live,
            position: None,
            to,
        }
    }

    /// The position that a socket may be told that it has.
    pub fn position_of(&self, socket: u32) -> Option<Position> {
        let member = self.members.get(&socket)?;
        member
            .waiting
            .is_none()
            .then(|| self.passed.or_later(&member.floor))
    }
}

/// Whether somebody at this position has had that event. Another epoch is another
/// life of the stream, with everything still to come.
fn is_behind(position: &Position, stream: usize, mark: Mark) -> bool {
    position
        .get(stream)
        .is_some_and(|known| known.epoch == mark.epoch && known.seq >= mark.seq)
}
