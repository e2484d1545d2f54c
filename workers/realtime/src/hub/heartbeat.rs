//! One alarm for all sockets of a hub.
//!
//! It pings everyone, and cuts off those who did not answer the last ping, who never
//! said who they are, or whose token has run out. Answers come to the platform, which
//! wakes nobody for them. Pings go out every `PING_TIMEOUT_MS`, more often than the
//! `PING_INTERVAL_MS` that clients are told, so that a dead socket is found within both
//! together by an alarm that does two things in one.

use std::rc::Rc;

use contract::events::POSITION;
use contract::packet::event_frame;
use edge::socket::last_answered_ms;
use edge::{clock, telemetry};
use worker::Result;

use super::Inner;

/// Who says nothing for so long after the socket opened is not a client.
const CONNECT_WITHIN_MS: i64 = 45_000;
/// Every so many beats clients are told their position.
const POSITION_EVERY: i64 = 3;

impl Inner {
    pub(super) async fn beat_soon(&self, now: i64) -> Result<()> {
        let at = now.saturating_add(self.ping_timeout_ms);
        self.alarm.wake_by(&self.state, at).await
    }

    /// Safe to run at any time and twice: a ping too many is answered like any other.
    pub(super) async fn beat(self: &Rc<Self>) -> Result<()> {
        self.sockets.find(&self.state);
        let now = clock::now_ms();
        let period = self.ping_timeout_ms;
        // An answer to the last ping is younger than that, one to the ping before older.
        let silent_before = now.saturating_sub(period.saturating_add(period / 2));
        let mut alive = Vec::new();
        let mut dead = Vec::new();
        self.sockets.each(|socket, session| {
            let answered = last_answered_ms(&self.state, socket).unwrap_or_default();
            let why = if answered.max(session.opened_ms) < silent_before {
                Some("ping timeout")
            } else if session.by.is_none() {
                let late = session.opened_ms.saturating_add(CONNECT_WITHIN_MS) < now;
                late.then_some("connect timeout")
            } else {
                (session.until_ms < now).then_some("token expired")
            };
            match why {
                Some(why) => dead.push((session.number, why)),
                None => alive.push(session.number),
            }
        });
        if !dead.is_empty() && self.wake_up().await.is_ok() {
            for (number, why) in dead {
                telemetry::count("sockets_cut_off", &[("why", why)], 1);
                self.cut_off(number, why);
            }
        }
        self.sockets.send_to(&alive, "2");
        let round = now.checked_div(period.max(1)).unwrap_or_default();
        if round.rem_euclid(POSITION_EVERY) == 0 && !alive.is_empty() {
            self.tell_positions().await;
        }
        if !self.sockets.is_empty() {
            return self.beat_soon(now).await;
        }
        // Nobody is here; the streams need not think of us. A crash leaves it so too.
        if self.wake_up().await.is_ok() {
            for stream in 0..self.lines.len() {
                let _ = self.tell_stream(stream).await;
            }
        }
        Ok(())
    }

    /// Where a client has come to, in case it has heard nothing for long: streams forget
    /// what is older than their window, and the client is not to be told that it missed
    /// something when nothing was for it.
    async fn tell_positions(self: &Rc<Self>) {
        if self.wake_up().await.is_err() || self.ask_streams(Vec::new()).await.is_err() {
            return;
        }
        if !self.outbox.is_empty() {
            // They have not heard everything yet; the next time will do.
            return;
        }
        for (number, session) in self.sockets.settled() {
            let position = self.crowd.borrow().position_of(number);
            let Some(position) = position.filter(|position| *position != session.floor()) else {
                continue;
            };
            let text = position.text();
            let body = format!("\"{POSITION}\",{{}}");
            self.sockets.send(number, &event_frame(&body, Some(&text)));
            self.sockets.change(number, |session| session.floor = text);
        }
    }
}
