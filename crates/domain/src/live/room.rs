//! Rooms: who hears what.
//!
//! Everyone is in the rooms of their role without asking. The room of an order is
//! joined by those whom the order concerns, which its owner decides, not its name.

use std::fmt;

const ID_MAX: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// All admins.
    Admin,
    /// All drivers.
    Delivery,
    Driver(String),
    Vendor(String),
    User(String),
    Order(String),
}

impl Room {
    /// By its name. `vendor_{id}` is another name of `vendor:{id}`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "admin" => return Some(Self::Admin),
            "delivery" => return Some(Self::Delivery),
            _ => {}
        }
        let (kind, id) = match name.strip_prefix("vendor_") {
            Some(id) => ("vendor", id),
            None => name.split_once(':')?,
        };
        let plain = !id.is_empty() && id.len() <= ID_MAX && !id.chars().any(char::is_control);
        let id = Some(id.to_owned()).filter(|_| plain)?;
        match kind {
            "delivery" => Some(Self::Driver(id)),
            "vendor" => Some(Self::Vendor(id)),
            "user" => Some(Self::User(id)),
            "order" => Some(Self::Order(id)),
            _ => None,
        }
    }

    /// The one name that events of this room go by.
    pub fn name(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::Delivery => f.write_str("delivery"),
            Self::Driver(id) => write!(f, "delivery:{id}"),
            Self::Vendor(id) => write!(f, "vendor:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Order(id) => write!(f, "order:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_one_name_whatever_it_was_called() {
        for (called, name) in [
            ("admin", "admin"),
            ("delivery", "delivery"),
            ("delivery:7", "delivery:7"),
            ("vendor:a:b", "vendor:a:b"),
            ("vendor_5", "vendor:5"),
            ("user:x", "user:x"),
            ("order:ORD-1", "order:ORD-1"),
        ] {
            let room = Room::parse(called).unwrap();
            assert_eq!(room.name(), name);
            assert_eq!(Room::parse(&room.name()), Some(room));
        }
        for odd in [
            "",
            "admins",
            "order:",
            "order",
            "vendor_",
            "ORDER:1",
            "user:a\nb",
        ] {
            assert_eq!(Room::parse(odd), None, "{odd}");
        }
    }
}
