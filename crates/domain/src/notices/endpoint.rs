//! Addresses that webhooks may be posted to.
//!
//! The shop posts wherever it is told to, so an address that leads into a network of ours is
//! refused: by number, or by a name that only means something inside one. Where a public
//! name leads is not known here; the platform that posts has no way into private networks.
//!
//! What is not plainly a good address is refused rather than read as a browser would. So a
//! number in disguise (`0x7f.1`, `2130706433`), an escaped name or a blank never gets as far
//! as somebody who reads it otherwise.

use std::net::{Ipv4Addr, Ipv6Addr};

pub const URL_MAX: usize = 2_000;

const NOT_PUBLIC: &str = "must lead to the public network, by its public name";

/// What is wrong with an address, if anything is. `allow_local` is for tests and for trying
/// things out: with it, addresses on this machine may be plain http, and private ones pass.
pub fn wrong_with(url: &str, allow_local: bool) -> Option<&'static str> {
    if url.len() > URL_MAX {
        return Some("must be at most 2000 bytes long");
    }
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
    if !url.bytes().all(is_plain) {
        return Some("must be a URL without blanks or letters that have to be escaped");
    }
    let (is_https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Some("must be an https URL"),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Some("must have no user and no password");
    }
    let Some(host) = host_of(authority) else {
        return Some("must be a URL with a host, and a port from 1 to 65535 if any");
    };
    let reach = reach(host);
    let may_be_plain = allow_local && reach == Some(Reach::Machine);
    if !(is_https || may_be_plain) {
        return Some("must be an https URL");
    }
    match reach {
        None => Some("must name its host, or give its number plainly"),
        Some(Reach::Public) => None,
        Some(_) => (!allow_local).then_some(NOT_PUBLIC),
    }
}

/// The host without its port.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if authority.starts_with('[') {
        let (host, port) = authority.split_once(']')?;
        (host, port)
    } else {
        match authority.split_once(':') {
            Some((host, _)) => (host, authority.strip_prefix(host)?),
            None => (authority, ""),
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(port) => {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => port.is_empty(),
    };
    (is_port && !host.is_empty()).then_some(host)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    Private,
    /// This very machine.
    Machine,
}

/// None for what is no plain host.
fn reach(host: &str) -> Option<Reach> {
    if let Some(number) = host.strip_prefix('[') {
        return number.parse().ok().map(of_v6);
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > 253 || !labels.iter().all(is_label) {
        return None;
    }
    let last = labels.last().copied().unwrap_or_default();
    if last.starts_with(|first: char| first.is_ascii_digit()) {
        // No domain of the first order begins with a digit, so it is a number or nothing.
        return name.parse().ok().map(of_v4);
    }
    if last == "localhost" {
        return Some(Reach::Machine);
    }
    let is_inside = labels.len() < 2 || matches!(last, "local" | "internal" | "arpa" | "lan");
    Some(if is_inside {
        Reach::Private
    } else {
        Reach::Public
    })
}

fn of_v4(number: Ipv4Addr) -> Reach {
    let [a, b, ..] = number.octets();
    let is_private = match a {
        // This network, a private one, what is not for one receiver and what is reserved.
        0 | 10 | 224.. => true,
        // Carriers' own networks, links, private ones, and those for trying things out.
        100 => (64..=127).contains(&b),
        169 => b == 254,
        172 => (16..=31).contains(&b),
        192 => matches!(b, 0 | 168),
        198 => matches!(b, 18 | 19),
        _ => false,
    };
    match a {
        127 => Reach::Machine,
        _ if is_private => Reach::Private,
        _ => Reach::Public,
    }
}

fn of_v6(number: Ipv6Addr) -> Reach {
    if number.is_loopback() {
        return Reach::Machine;
    }
    // What is handed out to the public begins with 2000::/3; the rest is ours, or nobody's, or a
    // number of the old kind in disguise.
    let [first, second, ..] = number.segments();
    let is_public =
        first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8) && first != 0x2002;
    if is_public {
        Reach::Public
    } else {
        Reach::Private
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_on_the_public_network_are_good() {
        for good in [
            "https://hooks.example/x",
            "https://hooks.example:8443/x?y=%20z#w",
            "https://HOOKS.Example",
            "https://hooks.example.",
            "https://a_b.c-d.example/",
            "https://hooks.example/user@home",
            "https://93.184.216.34/x",
            "https://172.15.0.1/x",
            "https://172.32.0.1/x",
            "https://[2606:2800:220:1::1]:444/x",
            "https://xn--bcher-kva.example/",
        ] {
            assert_eq!(wrong_with(good, false), None, "{good}");
            assert_eq!(wrong_with(good, true), None, "{good}");
        }
    }

    const BAD: [&str; 24] = [
        "",
        "x",
        "//hooks.example/x",
        "ftp://hooks.example/x",
        "HTTPS:/hooks.example",
        "https://",
        "https:///x",
        "https://:443/x",
        "https://user@hooks.example/x",
        "https://user:word@hooks.example/x",
        "https://hooks.example:0/x",
        "https://hooks.example:65536/x",
        "https://hooks.example:/x",
        "https://hooks.example:1:2/x",
        "https://hooks.example\\@10.0.0.1/x",
        "https://hooks .example/x",
        "https://hööks.example/x",
        "https://hooks%2eexample/x",
        "https://hooks..example/x",
        "https://0x7f.1/x",
        "https://2130706433/",
        "https://127.1/x",
        "https://010.0.0.1/x",
        "https://[::1/x",
    ];

    #[test]
    fn what_is_no_plain_address_is_never_good() {
        for bad in BAD {
            assert!(wrong_with(bad, false).is_some(), "{bad}");
            assert!(wrong_with(bad, true).is_some(), "{bad}");
        }
        let user = wrong_with("https://user:word@hooks.example/x", true);
        assert_eq!(user, Some("must have no user and no password"));
        let long = format!("https://hooks.example/{}", "x".repeat(URL_MAX));
        assert!(wrong_with(&long, true).is_some());
        assert!(wrong_with("https://hooks.example/a\nb: c", true).is_some());
    }

    #[test]
    fn what_leads_inside_is_good_only_where_that_is_allowed() {
        for inside in [
            "https://10.0.0.1/x",
            "https://172.16.0.1/x",
            "https://172.31.255.255/x",
            "https://192.168.1.1/x",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://255.255.255.255/",
            "https://127.0.0.1/x",
            "https://127.9.9.9/x",
            "https://[::1]/x",
            "https://[::]/x",
            "https://[fd00::1]/x",
            "https://[fc00::1]:8443/x",
            "https://[fe80::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://[64:ff9b::a00:1]/x",
            "https://[2002:a00:1::]/x",
            "https://localhost/x",
            "https://LOCALHOST./x",
            "https://a.localhost/x",
            "https://printer.local/x",
            "https://db.internal/x",
            "https://intranet/x",
        ] {
            assert_eq!(wrong_with(inside, false), Some(NOT_PUBLIC), "{inside}");
            assert_eq!(wrong_with(inside, true), None, "{inside}");
        }
        for plain in [
            "http://127.0.0.1:81/x",
            "http://localhost:9",
            "http://[::1]:9/x",
        ] {
            assert!(wrong_with(plain, false).is_some(), "{plain}");
            assert_eq!(wrong_with(plain, true), None, "{plain}");
        }
        for plain in [
            "http://10.0.0.1/x",
            "http://hooks.example/x",
            "http://localhost.example/",
        ] {
            assert!(wrong_with(plain, true).is_some(), "{plain}");
        }
    }

    proptest! {
        #[test]
        fn no_number_of_a_private_network_passes(a: u8, b: u8, c: u8, d: u8) {
            let number = Ipv4Addr::new(a, b, c, d);
            let is_inside = number.is_private() || number.is_loopback() || number.is_link_local() || number.is_unspecified();
            let url = format!("https://{number}/");
            prop_assert!(!is_inside || wrong_with(&url, false).is_some());
            let mapped = format!("https://[{}]/", number.to_ipv6_mapped());
            prop_assert!(!is_inside || wrong_with(&mapped, false).is_some());
        }

        #[test]
        fn any_text_is_harmless(text in ".{0,60}") {
            let _ = wrong_with(&format!("https://{text}"), true);
            let _ = wrong_with(&text, false);
        }
    }
}
