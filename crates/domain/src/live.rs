//! From event to screen, as rules: rooms, streams of events, and who gets what.
//!
//! Events are numbered by *streams*. A stream keeps what happened lately, and hands
//! it to the *hubs* that hold the sockets. An event goes to one stream, picked by
//! what it is about, so whatever concerns one order keeps its order.
//!
//! What must hold (M3): every client gets each event of its rooms once and in the
//! order of its stream, however often it comes back, or it is told to start anew.
//! This rests on one thing: everything a client has got is a [`Position`], a number
//! for each stream, and what it missed is what its rooms have after that. Only what is
//! over by then is left out; see [`passing`].

pub mod crowd;
pub mod outlet;
pub mod passing;
pub mod position;
pub mod ring;
pub mod room;

#[cfg(test)]
mod tests;
