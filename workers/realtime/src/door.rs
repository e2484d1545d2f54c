//! What other workers ask of this one, and which hub a new socket goes to.

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::realtime::{
    Answered, Append, AskHub, AskOnline, AskRoom, AtRealtime, Event, HUB, HubsOf, Publish,
    Published, STREAM_DESK, StreamOnline, hub_name, stream_name,
};
use contract::{Empty, Problem};
use domain::ids::shard_of;
use domain::live::position::STREAMS_MAX;
use domain::live::room::Room;
use edge::call::{To, call, receive, reply};
use edge::identity::{Verifier, bearer};
use edge::{CallError, Scope, clock, config, http, socket};
use futures::future::join_all;
use serde::de::IgnoredAny;
use worker::{Env, Method, Request, Response, Result};

/// Any stream can say who is where; this one is asked.
const WITNESS: u16 = 0;

/// How many streams there are. When it changes, clients that come back start anew.
pub fn streams(env: &Env) -> u16 {
    let most = u16::try_from(STREAMS_MAX).unwrap_or(1);
    config::number(env, "STREAMS", 2_u16).clamp(1, most)
}

pub fn hubs(env: &Env) -> u16 {
    config::number(env, "HUBS", 2_u16).max(1)
}

pub async fn serve(mut request: Request, env: &Env) -> Result<Response> {
    if request.method() == Method::Get {
        let outcome = open(&request, env).await;
        return http::finish(outcome.map_err(|error| error.into_problem("hub.open")));
    }
    let (scope, command) = match receive(&mut request).await {
        Ok(received) => received,
        Err(problem) => return reply::<Empty>(Err(problem)),
    };
    match command {
        AtRealtime::Publish(publish) => reply(publish_all(env, &scope, publish).await),
        AtRealtime::Ask(ask) => reply(ask_room(env, &scope, ask).await),
        AtRealtime::Online(ask) => reply(online(env, &scope, ask).await),
    }
}

/// A socket is opened before its client says who it is, so unless the request itself
/// has a token its hub is drawn. Nothing hangs on it: a client that comes back may
/// come to another hub.
async fn open(request: &Request, env: &Env) -> std::result::Result<Response, CallError> {
    let scope = Scope::from_headers(request.headers());
    let header = request.headers().get("authorization")?;
    let actor = header.as_deref().and_then(bearer).and_then(|token| {
        let verified =
            Verifier::configured(env).and_then(|by| by.verify_token(token, clock::now_ms()));
        verified.ok().map(|verified| verified.actor.tag())
    });
    let drawn = || u64::from_le_bytes(clock::random_bytes()).to_string();
    let name = hub_name(shard_of(&actor.unwrap_or_else(drawn), hubs(env)));
    socket::pass_on(env, &scope, To::Object(HUB, &name), request).await
}

/// Every event goes to the stream of what it is about. One trip a stream, and all at
/// once: events of different streams have no order.
async fn publish_all(
    env: &Env,
    scope: &Scope,
    publish: Publish,
) -> std::result::Result<Published, Problem> {
    let count = streams(env);
    let mut by_stream: BTreeMap<u16, Vec<Rc<Event>>> = BTreeMap::new();
    for event in publish.events {
        let stream = shard_of(&event.key, count);
        by_stream.entry(stream).or_default().push(checked(event)?);
    }
    let sent = by_stream.into_iter().map(|(stream, events)| async move {
        let name = stream_name(stream);
        let append = Append { stream, events };
        call(env, scope, To::Object(STREAM_DESK, &name), append).await
    });
    let mut published = Published::default();
    for part in join_all(sent).await {
        published.add(part.map_err(|error| error.into_problem("stream.append"))?);
    }
    Ok(published)
}

/// Rooms by their one name, and a payload that is an object: it is put into frames as
/// it is.
fn checked(event: Rc<Event>) -> std::result::Result<Rc<Event>, Problem> {
    let rooms: Option<Vec<String>> = event
        .rooms
        .iter()
        .map(|room| Room::parse(room).map(|room| room.name()))
        .collect();
    let rooms = rooms.ok_or_else(|| Problem::field("rooms", "names a room that there is not"))?;
    let is_object = event.payload.trim_start().starts_with('{')
        && serde_json::from_str::<IgnoredAny>(&event.payload).is_ok();
    if !is_object {
        return Err(Problem::field("payload", "must be a JSON object"));
    }
    if rooms == event.rooms {
        return Ok(event);
    }
    let mut event = Rc::unwrap_or_clone(event);
    event.rooms = rooms;
    Ok(Rc::new(event))
}

async fn ask_room(
    env: &Env,
    scope: &Scope,
    ask: AskRoom,
) -> std::result::Result<Vec<Answered>, Problem> {
    let room = Room::parse(&ask.room)
        .ok_or_else(|| Problem::field("room", "there is no such room"))?
        .name();
    let hubs_of = HubsOf { room: room.clone() };
    let name = stream_name(WITNESS);
    let hubs = call(env, scope, To::Object(STREAM_DESK, &name), hubs_of)
        .await
        .map_err(|error| error.into_problem("stream.hubs_of"))?;
    let asked = hubs.into_iter().map(|hub| {
        let ask = AskHub {
            room: room.clone(),
            event: ask.event.clone(),
            payload: ask.payload.clone(),
            wait_ms: ask.wait_ms,
        };
        async move { call(env, scope, To::Object(HUB, &hub_name(hub)), ask).await }
    });
    // A hub that does not answer has nobody who did.
    let answers = join_all(asked).await.into_iter().flatten().flatten();
    Ok(answers.collect())
}

async fn online(
    env: &Env,
    scope: &Scope,
    ask: AskOnline,
) -> std::result::Result<Vec<String>, Problem> {
    let rooms = ask.rooms.iter().filter_map(|room| Room::parse(room));
    let asked = StreamOnline {
        rooms: rooms.map(|room| room.name()).collect(),
    };
    if asked.rooms.is_empty() && !ask.rooms.is_empty() {
        return Ok(Vec::new());
    }
    let name = stream_name(WITNESS);
    call(env, scope, To::Object(STREAM_DESK, &name), asked)
        .await
        .map_err(|error| error.into_problem("stream.online"))
}
