//! Vendors: the directory, searches in it, devices, and answers by message.

use serde_json::{Value, json};

use super::super::schema::{VENDOR as ID, anything, got, plain, sent, sent_without};
use super::{ADMIN, CURSOR, FEW, LATITUDE, LIMIT, LONGITUDE, Param, Route, VENDOR, may, route};
use crate::code;
use crate::plain::Success;
use crate::vendor::{
    AvailabilityInput, Candidate, EndpointInput, Found, PushKey, SubscriptionInput, VendorImport,
    VendorInput, VendorPage, VendorView, VendorsImported,
};

const TAG: &str = "vendors";

const ACCEPTING: Param = may(
    "accepting",
    "Only those who would take an order now.",
    || json!({ "type": "string", "enum": ["true", "false"] }),
);
const RADIUS: Param = may(
    "radius_km",
    "How far away at most.",
    || json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 100, "default": 10 }),
);

fn vendor() -> (String, Value) {
    sent_without::<VendorInput, ID>()
}

pub const ROUTES: &[Route] = &[
    route(
        "GET",
        "/api/admin/vendors",
        "vendors",
        TAG,
        got::<VendorPage>,
    )
    .says("All vendors")
    .by(ADMIN)
    .query(&[LIMIT, CURSOR, ACCEPTING]),
    route(
        "POST",
        "/api/admin/vendors",
        "createVendor",
        TAG,
        got::<VendorView>,
    )
    .says("Creates a vendor")
    .by(ADMIN)
    .takes(sent::<VendorInput>)
    .status(201)
    .or(&[code::ALREADY_EXISTS]),
    route(
        "POST",
        "/api/admin/vendor-import",
        "importVendors",
        TAG,
        got::<VendorsImported>,
    )
    .says("Writes any number of vendors")
    .about("What is there is changed. May be repeated. Up to 1 MiB.")
    .by(ADMIN)
    .takes(sent::<VendorImport>),
    route(
        "GET",
        "/api/admin/vendor-search/near",
        "nearVendors",
        TAG,
        got::<Found<Candidate>>,
    )
    .says("Who would take an order at a place, nearest first")
    .by(ADMIN)
    .query(&[LATITUDE, LONGITUDE, RADIUS, FEW]),
    route(
        "GET",
        "/api/admin/vendor-search/best",
        "bestVendors",
        TAG,
        got::<Found<Candidate>>,
    )
    .says("Who would take an order, best first")
    .by(ADMIN)
    .query(&[LATITUDE, LONGITUDE, FEW]),
    route(
        "GET",
        "/api/admin/vendor-search/within",
        "vendorsWithin",
        TAG,
        got::<Found<VendorView>>,
    )
    .says("Everybody around a place, for maps")
    .by(ADMIN)
    .query(&[LATITUDE, LONGITUDE, RADIUS]),
    route(
        "GET",
        "/api/admin/vendors/{vendor}",
        "vendor",
        TAG,
        got::<VendorView>,
    )
    .says("One vendor")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "PUT",
        "/api/admin/vendors/{vendor}",
        "writeVendor",
        TAG,
        got::<VendorView>,
    )
    .says("Writes a vendor")
    .by(ADMIN)
    .takes(vendor),
    route(
        "DELETE",
        "/api/admin/vendors/{vendor}",
        "retireVendor",
        TAG,
        got::<Success>,
    )
    .says("Takes a vendor off the lists")
    .about("Orders of old still name it.")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "PUT",
        "/api/vendor/availability",
        "setAvailability",
        TAG,
        got::<VendorView>,
    )
    .says("A vendor says whether it is open")
    .by(VENDOR)
    .takes(sent::<AvailabilityInput>)
    .or(&[code::NOT_FOUND]),
    route(
        "GET",
        "/api/vendor/push-key",
        "pushKey",
        TAG,
        got::<PushKey>,
    )
    .says("What a browser wants to know to be pushed to")
    .by(VENDOR)
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/vendor/push-subscriptions",
        "addDevice",
        TAG,
        got::<Success>,
    )
    .says("A device wants to be pushed to")
    .about("A `PushSubscription` as the browser writes it. A vendor has 20 at most; the oldest go. May be repeated.")
    .by(VENDOR)
    .takes(sent::<SubscriptionInput>)
    .status(201),
    route(
        "DELETE",
        "/api/vendor/push-subscriptions",
        "removeDevice",
        TAG,
        got::<Success>,
    )
    .says("A device is not pushed to any more")
    .about("Done as well where there is no such device.")
    .by(VENDOR)
    .takes(sent::<EndpointInput>),
    route(
        "GET",
        "/webhooks/whatsapp",
        "messengerHandshake",
        TAG,
        plain,
    )
    .says("The messenger wants to know whether we know the word")
    .about("Answered with `hub.challenge`.")
    .kind("text/plain")
    .proven_by("messengerWord")
    .query(&[
        may("hub.mode", "Other than this is refused.", || json!({ "type": "string", "enum": ["subscribe"] })),
        may("hub.challenge", "Comes back.", super::text),
    ])
    .or(&[code::FORBIDDEN]),
    route(
        "POST",
        "/webhooks/whatsapp",
        "messengerDelivery",
        TAG,
        got::<Success>,
    )
    .says("What the messenger delivers")
    .about("Signed over the very bytes. Each message counts once, by its id; what is no message of a vendor is left alone.")
    .proven_by("messengerSignature")
    .takes(anything),
];
