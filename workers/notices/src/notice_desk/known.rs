//! The endpoints, as the desk last saw them in the database.
//!
//! They are looked at again after a few seconds, or as soon as the desk is told that they
//! changed. A look that fails is no answer: whoever asked has to come again, since "there are
//! none" would lose what is to be said.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use contract::Problem;
use domain::notices::kinds::wants;
use edge::d1::{Db, Sql};
use edge::{Scope, clock};
use serde::Deserialize;
use worker::Env;

use crate::signing::OldSecret;

#[derive(Debug, Clone)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    kinds: Option<Vec<String>>,
    pub active: bool,
    pub secret: String,
    pub old_secrets: Vec<OldSecret>,
}

impl Endpoint {
    pub fn wants(&self, kind: &str) -> bool {
        self.active && wants(self.kinds.as_deref(), kind)
    }
}

#[derive(Deserialize)]
struct Row {
    endpoint_id: String,
    url: String,
    kinds: Option<String>,
    active: u8,
    secret: String,
    old_secrets: String,
}

impl Row {
    fn read(self) -> Endpoint {
        let kinds = self.kinds.map(|kinds| serde_json::from_str(&kinds));
        Endpoint {
            id: self.endpoint_id,
            url: self.url,
            kinds: kinds.map(Result::unwrap_or_default),
            active: self.active != 0,
            secret: self.secret,
            old_secrets: serde_json::from_str(&self.old_secrets).unwrap_or_default(),
        }
    }
}

pub type Endpoints = Rc<Vec<Endpoint>>;

pub struct Known {
    fresh_ms: i64,
    seen: RefCell<Option<(Endpoints, i64)>>,
    /// How often they were forgotten: a look that began before is outdated.
    forgotten: Cell<u64>,
}

impl Known {
    pub fn for_ms(fresh_ms: i64) -> Self {
        Self {
            fresh_ms,
            seen: RefCell::default(),
            forgotten: Cell::new(0),
        }
    }

    pub fn forget(&self) {
        self.seen.borrow_mut().take();
        self.forgotten.set(self.forgotten.get().wrapping_add(1));
    }

    /// It is switched off, as the database will say in a moment.
    pub fn close(&self, id: &str) {
        let mut seen = self.seen.borrow_mut();
        let Some((endpoints, _)) = seen.as_mut() else {
            return;
        };
        let mut changed = endpoints.as_ref().clone();
        for endpoint in changed.iter_mut().filter(|endpoint| endpoint.id == id) {
            endpoint.active = false;
        }
        *endpoints = Rc::new(changed);
    }

    fn fresh(&self) -> Option<Endpoints> {
        let seen = self.seen.borrow();
        let (endpoints, at) = seen.as_ref()?;
        let age = clock::now_ms().saturating_sub(*at);
        (age < self.fresh_ms).then(|| Rc::clone(endpoints))
    }

    pub async fn endpoints(&self, env: &Env, scope: &Scope) -> Result<Endpoints, Problem> {
        if let Some(endpoints) = self.fresh() {
            return Ok(endpoints);
        }
        let (began, forgotten) = (clock::now_ms(), self.forgotten.get());
        let sql = Sql::new(
            "SELECT endpoint_id, url, kinds, active, secret, old_secrets FROM webhook_endpoints",
        );
        let rows: Vec<Row> = Db::open(env, "DB")?
            .rows(scope, "notices.endpoints", sql)
            .await?;
        let endpoints: Endpoints = Rc::new(rows.into_iter().map(Row::read).collect());
        if self.forgotten.get() == forgotten {
            *self.seen.borrow_mut() = Some((Rc::clone(&endpoints), began));
        }
        Ok(endpoints)
    }
}

/// The endpoint of that id, switched on or not.
pub fn find<'a>(endpoints: &'a [Endpoint], id: &str) -> Option<&'a Endpoint> {
    endpoints.iter().find(|endpoint| endpoint.id == id)
}
