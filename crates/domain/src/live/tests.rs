//! Streams, hubs and clients in a world drawn from a seed: batches are lost before or
//! after they arrive, hubs and streams forget, clients break off and come back to any
//! hub. In the end each client has every event of its room since it first came, once
//! and in the order of its stream (M3), but perhaps for those that were over while it was
//! away; and of these it never hears when it comes back.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::crowd::{Crowd, Sending};
use super::outlet::{Addressed, Batch, Outlet};
use super::passing::Passing;
use super::position::{Mark, Position};
use super::ring::{Bounds, Ring};

const STREAMS: usize = 2;
const HUBS: usize = 2;
const CLIENTS: usize = 4;
const ROOMS: [&str; 2] = ["a", "b"];
const BOUNDS: Bounds = Bounds {
    window_ms: i64::MAX,
    count: usize::MAX,
    bytes: usize::MAX,
};

#[derive(Debug)]
struct Said {
    id: String,
    rooms: Vec<String>,
    voids: Option<String>,
    until_ms: Option<i64>,
}

impl Addressed for Said {
    fn rooms(&self) -> &[String] {
        &self.rooms
    }
}

impl Passing for Said {
    fn id(&self) -> &str {
        &self.id
    }

    fn voids(&self) -> Option<&str> {
        self.voids.as_deref()
    }

    fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }
}

type Told = Rc<Said>;

struct Stream {
    epoch: u32,
    ring: Ring<Told>,
    outlets: Vec<Outlet<Told>>,
    /// How far each hub was known to have got when that was last written.
    written: Vec<u64>,
    /// By hub: the batch that is on its way.
    on_its_way: Vec<Option<Batch<Told>>>,
}

impl Stream {
    /// Whether that event is over, by what the words mean and not by how it is found out.
    fn is_over(&self, seq: u64, now: i64) -> bool {
        let of = |after: u64| self.ring.since(after).expect("nothing is ever forgotten");
        let (_, said) = of(seq - 1).next().expect("it is there");
        let is_void = of(seq).any(|(_, later)| later.voids.as_ref() == Some(&said.id));
        is_void || said.until_ms.is_some_and(|until| until <= now)
    }
}

/// What a stream said to a client that came in: its head, and what the client missed.
type Answer = (Mark, Vec<u64>);

#[derive(Default)]
struct Client {
    hub: Option<usize>,
    socket: u32,
    /// What the streams answered so far, while it comes in.
    answers: BTreeMap<usize, Answer>,
    is_settled: bool,
    began: Option<Position>,
    offset: Option<Position>,
    /// Where the hub knows it to stand, at its socket.
    floor: Position,
    heard: Vec<(usize, u64)>,
}

impl Client {
    fn position(&self) -> Option<Position> {
        let began = self.began.as_ref()?;
        let offset = self.offset.as_ref();
        Some(offset.map_or_else(|| began.clone(), |offset| offset.or_later(began)))
    }
}

struct World {
    streams: Vec<Stream>,
    hubs: Vec<Crowd>,
    clients: Vec<Client>,
    sockets: u32,
    now: i64,
}

fn room_of(client: usize) -> String {
    ROOMS[client % ROOMS.len()].to_owned()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// An event, which may call off one that came so many before it, and may have a time.
    Say {
        stream: usize,
        room: usize,
        voids: Option<u64>,
        lasts: Option<i64>,
    },
    Pass {
        time: i64,
    },
    Send {
        stream: usize,
        hub: usize,
    },
    /// The batch arrives, unless it is lost; its answer arrives, unless that is lost.
    Arrive {
        stream: usize,
        hub: usize,
        lost: u8,
    },
    Leave {
        client: usize,
    },
    Come {
        client: usize,
        hub: usize,
    },
    /// A stream hears that a client came in, and answers.
    Hear {
        client: usize,
        stream: usize,
    },
    Settle {
        client: usize,
    },
    Sleep {
        hub: usize,
    },
    Forget {
        stream: usize,
        arrived: bool,
    },
    Write {
        stream: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (stream, hub, client) = (0..STREAMS, 0..HUBS, 0..CLIENTS);
    prop_oneof![
        6 => (stream.clone(), 0..ROOMS.len(), prop::option::weighted(0.3, 1_u64..4), prop::option::weighted(0.2, 1_i64..9))
            .prop_map(|(stream, room, voids, lasts)| Step::Say { stream, room, voids, lasts }),
        2 => (1_i64..4).prop_map(|time| Step::Pass { time }),
        6 => (stream.clone(), hub.clone()).prop_map(|(stream, hub)| Step::Send { stream, hub }),
        6 => (stream.clone(), hub.clone(), 0_u8..6)
            .prop_map(|(stream, hub, lost)| Step::Arrive { stream, hub, lost }),
        4 => client.clone().prop_map(|client| Step::Leave { client }),
        6 => (client.clone(), hub.clone()).prop_map(|(client, hub)| Step::Come { client, hub }),
        14 => (client.clone(), stream.clone()).prop_map(|(client, stream)| Step::Hear { client, stream }),
        10 => client.prop_map(|client| Step::Settle { client }),
        1 => hub.prop_map(|hub| Step::Sleep { hub }),
        1 => (stream.clone(), any::<bool>())
            .prop_map(|(stream, arrived)| Step::Forget { stream, arrived }),
        2 => stream.prop_map(|stream| Step::Write { stream }),
    ]
}

impl World {
    fn new() -> Self {
        let stream = |epoch| Stream {
            epoch,
            ring: Ring::new(0, BOUNDS),
            outlets: (0..HUBS).map(|_| Outlet::new(0)).collect(),
            written: vec![0; HUBS],
            on_its_way: (0..HUBS).map(|_| None).collect(),
        };
        let mut world = Self {
            streams: vec![stream(7), stream(9)],
            hubs: (0..HUBS).map(|_| Crowd::new(STREAMS)).collect(),
            clients: (0..CLIENTS).map(|_| Client::default()).collect(),
            sockets: 0,
            now: 0,
        };
        for hub in 0..HUBS {
            world.sleep(hub);
        }
        world
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Say {
                stream,
                room,
                voids,
                lasts,
            } => {
                let ring = &mut self.streams[stream].ring;
                let next = ring.head() + 1;
                let said = Said {
                    id: next.to_string(),
                    rooms: vec![ROOMS[room].to_owned()],
                    voids: voids.and_then(|back| Some(next.checked_sub(back)?.to_string())),
                    until_ms: lasts.map(|lasts| self.now + lasts),
                };
                ring.push(self.now, 1, Rc::new(said));
            }
            Step::Pass { time } => self.now += time,
            Step::Send { stream, hub } => self.send(stream, hub),
            Step::Arrive { stream, hub, lost } => self.arrive(stream, hub, lost),
            Step::Leave { client } => self.leave(client),
            Step::Come { client, hub } => self.come(client, hub),
            Step::Hear { client, stream } => self.hear(client, stream),
            Step::Settle { client } => self.settle(client),
            Step::Sleep { hub } => self.sleep(hub),
            Step::Forget { stream, arrived } => self.forget(stream, arrived),
            Step::Write { stream } => {
                let stream = &mut self.streams[stream];
                stream.written = stream.outlets.iter().map(Outlet::acked).collect();
            }
        }
    }

    fn send(&mut self, stream: usize, hub: usize) {
        let stream = &mut self.streams[stream];
        if let Some(batch) = stream.outlets[hub].next(&stream.ring) {
            assert!(stream.on_its_way[hub].is_none(), "one batch at a time");
            stream.on_its_way[hub] = Some(batch);
        }
    }

    fn arrive(&mut self, stream: usize, hub: usize, lost: u8) {
        let Some(batch) = self.streams[stream].on_its_way[hub].take() else {
            return;
        };
        if lost != 1 {
            let epoch = self.streams[stream].epoch;
            let crowd = &mut self.hubs[hub];
            let taken = crowd.take(stream, epoch, &batch, |_| Rc::from(""));
            for sending in &taken.sendings {
                self.tell(hub, sending);
            }
            for socket in taken.cut_off {
                if let Some(client) = self.client_at(hub, socket) {
                    self.leave(client);
                }
            }
        }
        let outlet = &mut self.streams[stream].outlets[hub];
        if lost == 1 || lost == 2 {
            outlet.lost();
        } else {
            outlet.arrived(batch.upto);
        }
    }

    fn client_at(&self, hub: usize, socket: u32) -> Option<usize> {
        let here = |client: &Client| client.hub == Some(hub) && client.socket == socket;
        self.clients.iter().position(here)
    }

    fn tell(&mut self, hub: usize, sending: &Sending) {
        let Some((stream, mark)) = sending.live.at else {
            return;
        };
        for socket in &sending.to {
            if let Some(client) = self.client_at(hub, *socket) {
                let client = &mut self.clients[client];
                client.heard.push((stream, mark.seq));
                client.offset.clone_from(&sending.position);
            }
        }
    }

    fn leave(&mut self, client: usize) {
        let gone = &mut self.clients[client];
        if let Some(hub) = gone.hub.take() {
            let empty = self.hubs[hub].leave(gone.socket);
            gone.answers.clear();
            gone.is_settled = false;
            for stream in &mut self.streams {
                for room in &empty {
                    stream.outlets[hub].remove_room(room);
                }
            }
        }
    }

    fn come(&mut self, client: usize, hub: usize) {
        if self.clients[client].hub.is_none() {
            self.sockets += 1;
            self.clients[client].hub = Some(hub);
            self.clients[client].socket = self.sockets;
            self.hubs[hub].enter(self.sockets, [room_of(client)]);
        }
    }

    fn hear(&mut self, client: usize, stream_number: usize) {
        let position = self.clients[client].position();
        let coming = &mut self.clients[client];
        let Some(hub) = coming.hub.filter(|_| !coming.is_settled) else {
            return;
        };
        let stream = &mut self.streams[stream_number];
        let room = room_of(client);
        stream.outlets[hub].add_room(&room);
        let head = stream.ring.head();
        let missed = match position.and_then(|position| position.get(stream_number)) {
            Some(mark) => {
                assert_eq!(mark.epoch, stream.epoch);
                let since = stream
                    .ring
                    .since(mark.seq)
                    .expect("nothing is ever forgotten");
                let mine = since.filter(|(_, said)| said.rooms.contains(&room));
                let now = self.now;
                let rest = mine.filter(|(seq, said)| !stream.ring.is_over(*seq, *said, now));
                let rest: Vec<u64> = rest.map(|(seq, _)| seq).collect();
                assert!(rest.iter().all(|seq| !stream.is_over(*seq, now)));
                rest
            }
            None => Vec::new(),
        };
        let epoch = stream.epoch;
        // What is said again after an answer was lost is said as it is now.
        coming
            .answers
            .insert(stream_number, (Mark { epoch, seq: head }, missed));
    }

    fn settle(&mut self, client: usize) {
        let coming = &mut self.clients[client];
        let Some(hub) = coming.hub.filter(|_| coming.answers.len() == STREAMS) else {
            return;
        };
        let mut floor = Position::new(STREAMS);
        for (stream, (head, _)) in &coming.answers {
            floor.set(*stream, *head);
        }
        if let Some(mut position) = coming.position() {
            let heard = coming.heard.len();
            for (stream, (head, missed)) in std::mem::take(&mut coming.answers) {
                for seq in missed {
                    let epoch = head.epoch;
                    position.set(stream, Mark { epoch, seq });
                    coming.heard.push((stream, seq));
                    coming.offset = Some(position.clone());
                }
            }
            if coming.heard.len() > heard {
                // The last of it brings the whole way.
                coming.offset = Some(floor.clone());
            }
        } else {
            coming.began = Some(floor.clone());
        }
        coming.answers.clear();
        coming.is_settled = true;
        coming.floor = floor.clone();
        let waited = self.hubs[hub].settle(coming.socket, floor);
        for sending in &waited {
            self.tell(hub, sending);
        }
    }

    /// A hub sleeps and wakes: it forgets, but its sockets are still there. Those that
    /// were coming in are lost with what it knew of them.
    fn sleep(&mut self, hub: usize) {
        let mut crowd = Crowd::new(STREAMS);
        for client in 0..CLIENTS {
            if self.clients[client].hub != Some(hub) {
                continue;
            }
            if self.clients[client].is_settled {
                let held = &self.clients[client];
                crowd.was_here(held.socket, [room_of(client)], held.floor.clone());
            } else {
                self.clients[client].hub = None;
                self.clients[client].answers.clear();
            }
        }
        for (number, stream) in self.streams.iter_mut().enumerate() {
            let rooms = crowd.rooms().cloned().collect();
            stream.outlets[hub].set_interest(rooms);
            let (epoch, seq) = (stream.epoch, stream.outlets[hub].acked());
            let pending = stream.outlets[hub].is_pending();
            crowd.learn(number, Mark { epoch, seq }, pending);
        }
        self.hubs[hub] = crowd;
    }

    /// A stream forgets how far hubs have got since that was last written. What was on
    /// its way may have arrived or not.
    fn forget(&mut self, number: usize, arrived: bool) {
        for hub in 0..HUBS {
            if self.streams[number].on_its_way[hub].is_some() {
                self.arrive(number, hub, 1 + u8::from(arrived));
            }
        }
        let stream = &mut self.streams[number];
        for hub in 0..HUBS {
            let acked = stream.written[hub];
            let mut outlet = Outlet::new(acked);
            if acked < stream.ring.head() {
                outlet.doubt();
            }
            stream.outlets[hub] = outlet;
        }
    }

    /// Everybody comes, and everything arrives.
    fn come_to_rest(&mut self) {
        for _ in 0..4 {
            for client in 0..CLIENTS {
                self.come(client, client % HUBS);
                for stream in 0..STREAMS {
                    self.hear(client, stream);
                }
                self.settle(client);
            }
            for stream in 0..STREAMS {
                for hub in 0..HUBS {
                    for _ in 0..3 {
                        self.send(stream, hub);
                        self.arrive(stream, hub, 0);
                    }
                }
            }
        }
    }

    fn check(&self) {
        for (number, client) in self.clients.iter().enumerate() {
            let began = client.began.as_ref().expect("everybody came");
            for (index, stream) in self.streams.iter().enumerate() {
                let from = began.get(index).expect("a whole position").seq;
                let mine = stream.ring.since(from).expect("nothing is ever forgotten");
                let mine = mine.filter(|(_, said)| said.rooms.contains(&room_of(number)));
                let heard = client.heard.iter().filter(|(of, _)| *of == index);
                let heard: Vec<u64> = heard.map(|(_, seq)| *seq).collect();
                // Somebody who was there heard also what is over by now.
                let wanted =
                    mine.filter(|(seq, _)| heard.contains(seq) || !stream.is_over(*seq, self.now));
                let wanted: Vec<u64> = wanted.map(|(seq, _)| seq).collect();
                assert_eq!(heard, wanted, "client {number}, stream {index}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn everyone_hears_everything_once_and_in_order(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.come_to_rest();
        world.check();
    }
}
