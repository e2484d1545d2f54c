//! Who is asking.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Customer,
    Vendor,
    Driver,
    Admin,
    Service,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Vendor => "vendor",
            Self::Driver => "driver",
            Self::Admin => "admin",
            Self::Service => "service",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Customer,
            Self::Vendor,
            Self::Driver,
            Self::Admin,
            Self::Service,
        ]
        .into_iter()
        .find(|role| role.name() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub role: Role,
    pub id: String,
}

impl Actor {
    /// As it travels between workers and stands in histories: `customer:alice`.
    pub fn tag(&self) -> String {
        format!("{}:{}", self.role.name(), self.id)
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        let (role, id) = tag.split_once(':')?;
        Some(Self {
            role: Role::from_name(role)?,
            id: id.to_owned(),
        })
    }

    /// Staff sees every order; others see their own.
    pub fn is_staff(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Service)
    }
}
