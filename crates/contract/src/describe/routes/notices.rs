//! What the shop says to the outside: endpoints of merchants, what was sent to them, and mail.

use serde_json::json;

use domain::notices::kinds::{KINDS, PING};

use super::super::schema::{got, sent};
use super::{ADMIN, CURSOR, LIMIT, Param, Route, may, route, text};
use crate::code;
use crate::notices::{
    DeadPage, DeliveryDetail, DeliveryPage, EmailPage, SendingStands, WebhookChange, WebhookInput,
    WebhookPage, WebhookView,
};
use crate::plain::Success;

const TAG: &str = "notices";

const STATE: Param = may(
    "state",
    "How they stand.",
    || json!({ "type": "string", "enum": ["waiting", "delivered", "dead"] }),
);
const ENDPOINT: Param = may("endpoint", "To which endpoint.", text);
const ORDER: Param = may("order", "About which order.", text);
const KIND: Param = may("kind", "Which kind of event.", || {
    let mut kinds = KINDS.to_vec();
    kinds.push(PING);
    json!({ "type": "string", "enum": kinds })
});

pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/api/admin/webhooks",
        "webhooks",
        TAG,
        got::<WebhookPage>,
    )
    .says("Endpoints of merchants, without their secrets")
    .by(ADMIN),
    route(
        "POST",
        "/api/admin/webhooks",
        "addWebhook",
        TAG,
        got::<WebhookView>,
    )
    .status(201)
    .says("Adds an endpoint, and shows its secret, this once")
    .by(ADMIN)
    .takes(sent::<WebhookInput>)
    .or(&[code::ALREADY_EXISTS, code::TOO_MANY_ENDPOINTS]),
    route(
        "GET",
        "/api/admin/webhooks/deliveries",
        "deliveries",
        TAG,
        got::<DeliveryPage>,
    )
    .says("What was sent to endpoints, the latest first")
    .by(ADMIN)
    .query(&[STATE, ENDPOINT, ORDER, KIND, LIMIT, CURSOR]),
    route(
        "GET",
        "/api/admin/webhooks/deliveries/{delivery}",
        "delivery",
        TAG,
        got::<DeliveryDetail>,
    )
    .says("One delivery, with its body and its last attempts")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/admin/webhooks/deliveries/{delivery}/replay",
        "replayDelivery",
        TAG,
        got::<SendingStands>,
    )
    .says("Sends it again now")
    .by(ADMIN)
    .or(&[code::NOT_FOUND, code::ENDPOINT_DISABLED]),
    route(
        "GET",
        "/api/admin/webhooks/{webhook}",
        "webhook",
        TAG,
        got::<WebhookView>,
    )
    .says("One endpoint")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "PATCH",
        "/api/admin/webhooks/{webhook}",
        "changeWebhook",
        TAG,
        got::<WebhookView>,
    )
    .says("Changes an endpoint")
    .about("What is left out stays, what is null is set to nothing.")
    .by(ADMIN)
    .takes(sent::<WebhookChange>)
    .or(&[code::NOT_FOUND, code::ALREADY_EXISTS]),
    route(
        "DELETE",
        "/api/admin/webhooks/{webhook}",
        "removeWebhook",
        TAG,
        got::<Success>,
    )
    .says("Removes an endpoint")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/admin/webhooks/{webhook}/rotate",
        "rotateSecret",
        TAG,
        got::<WebhookView>,
    )
    .says("Gives an endpoint another secret; the former one signs along for a day")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/admin/webhooks/{webhook}/ping",
        "pingWebhook",
        TAG,
        got::<SendingStands>,
    )
    .says("Sends the event `ping`")
    .by(ADMIN)
    .or(&[code::NOT_FOUND, code::ENDPOINT_DISABLED]),
    route("GET", "/api/admin/emails", "emails", TAG, got::<EmailPage>)
        .says("What was written to customers")
        .by(ADMIN)
        .query(&[ORDER, LIMIT, CURSOR]),
    route(
        "GET",
        "/api/admin/notices/dead",
        "deadNotices",
        TAG,
        got::<DeadPage>,
    )
    .says("What was given up, to endpoints and by mail")
    .by(ADMIN)
    .query(&[LIMIT, CURSOR]),
    route(
        "POST",
        "/api/admin/notices/dead/{delivery}/replay",
        "replayDead",
        TAG,
        got::<SendingStands>,
    )
    .says("Tries one of them again")
    .by(ADMIN)
    .or(&[code::NOT_FOUND, code::ENDPOINT_DISABLED]),
];
