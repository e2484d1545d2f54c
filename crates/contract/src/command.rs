//! How workers speak to objects and to each other: one typed command a call.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a call sends, and what comes back when it is not refused.
pub trait Command: Clone {
    type Reply: DeserializeOwned;

    /// The name of the step in logs, figures and fault scripts.
    fn step(&self) -> String;

    /// As it travels: the one enum that the receiver parses, with this in it.
    fn body(&self) -> serde_json::Result<String>;
}

/// Gives commands of an object's (or service's) enum a type and a reply of their
/// own: what is sent is the enum, so the receiver has one thing to parse.
#[macro_export]
macro_rules! commands {
    ($envelope:ident { $(
        $(#[$doc:meta])*
        $variant:ident as $name:ident { $($field:ident: $kind:ty),* $(,)? } -> $reply:ty, $step:expr;
    )* }) => {
        /// What this object understands, as it travels.
        #[derive(Debug, Clone, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $envelope { $( $(#[$doc])* $variant($name), )* }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
            pub struct $name { $(pub $field: $kind),* }

            impl $crate::Command for $name {
                type Reply = $reply;

                fn step(&self) -> String {
                    let step: fn(&Self) -> String = $step;
                    step(self)
                }

                fn body(&self) -> serde_json::Result<String> {
                    // The whole enum would bring into every caller what writes all of
                    // its commands.
                    #[derive(serde::Serialize)]
                    #[serde(rename_all = "snake_case")]
                    enum Envelope<'a> { $variant(&'a $name) }
                    serde_json::to_string(&Envelope::$variant(self))
                }
            }
        )*
    };
}

/// A reply that says no more than "done".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

/// Headers between the gateway and the workers behind it. The gateway drops what
/// a caller sends under these names.
pub mod header {
    pub const ACTOR: &str = "x-orderlane-actor";
    /// The e-mail address that a caller's token has.
    pub const EMAIL: &str = "x-orderlane-email";
    pub const TRACE: &str = "x-orderlane-trace";
    pub const FAULT: &str = "x-orderlane-fault";
    pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
    pub const REPLAYED: &str = "idempotent-replayed";
    /// With this a webhook proves who sends it. It is passed on as it came.
    pub const SIGNATURE: &str = "x-hub-signature-256";
    /// The same, where a payment provider sends it. Behind the gateway it has the name above.
    pub const PROVIDER_SIGNATURE: &str = "stripe-signature";
}
