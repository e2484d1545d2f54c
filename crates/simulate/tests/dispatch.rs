//! Replays of deliveries: what is read, what is checked, what comes out.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test may stop where it stands"
)]

use std::path::{Path, PathBuf};

use simulate::dispatch::Delivery;
use simulate::dispatch::bench;
use simulate::dispatch::check::check;
use simulate::dispatch::figures::Figures;
use simulate::dispatch::folder::{instances_in, play, play_all};
use simulate::dispatch::generate::{Recipe, generate};
use simulate::dispatch::instance::Instance;
use simulate::dispatch::replay::{Policy, replay};
use simulate::dispatch::report;

const ORDERS: &str = "\
order\tx\ty\tplacement_time\trestaurant\tready_time
o1\t0\t1000\t10\tr1\t20
o2\t0\t2000\t12\tr1\t18
o3\t3000\t0\t15\tr2\t30
";
const COURIERS: &str = "courier\tx\ty\ton_time\toff_time\nc1\t0\t0\t0\t60\nc2\t3000\t300\t5\t50\n";
const RESTAURANTS: &str = "restaurant\tx\ty\nr1\t0\t0\nr2\t3000\t600\n";
const PARAMETERS: &str = "meters_per_minute\tpickup service minutes\tdropoff service minutes\t\
    target click-to-door\tmaximum click-to-door\tpay per order\tguaranteed pay per hour\n\
    300\t4\t4\t40\t90\t10\t15\n";

fn small() -> Instance {
    Instance::parse("small", ORDERS, COURIERS, RESTAURANTS, PARAMETERS).expect("it is right")
}

fn window() -> Policy {
    Policy::named("window").expect("it is there")
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orderlane-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn columns_are_found_by_name() {
    let turned = "\
ready_time\trestaurant\tnote\torder\ty\tx\tplacement_time\r
20\tr1\tno onions\to1\t1000\t0\t10.0\r
";
    let day = Instance::parse("day", turned, COURIERS, RESTAURANTS, PARAMETERS).expect("right");
    assert_eq!(day.orders[0], small().orders[0]);
    assert_eq!(day.parameters.dropoff_service, 4);
}

#[test]
fn what_cannot_be_read_is_told_with_file_and_line() {
    let told = |orders: &str, parameters: &str| {
        Instance::parse("day", orders, COURIERS, RESTAURANTS, parameters).expect_err("it is wrong")
    };
    let header = "order\tx\ty\tplacement_time\trestaurant\tready_time\n";
    let rows = [
        (
            "order\tx\ty\n",
            "orders.txt, line 1: there is no column `placement_time`",
        ),
        ("", "orders.txt, line 1: there is no column `order`"),
        ("o1\t0\t\t1\tr1\t2\n", "orders.txt, line 2: there is no `y`"),
        ("o1\t0\n", "orders.txt, line 2: there is no `restaurant`"),
        (
            "o1\t0\tsouth\t1\tr1\t2\n",
            "orders.txt, line 2: `y` is no number: `south`",
        ),
        (
            "o1\t0\tNaN\t1\tr1\t2\n",
            "orders.txt, line 2: `y` is no number",
        ),
        (
            "\no1\t0\t0\t1.5\tr1\t2\n",
            "orders.txt, line 3: `placement_time` is no whole minute: `1.5`",
        ),
        (
            "o1\t0\t0\t1\tr9\t2\n",
            "orders.txt, line 2: there is no restaurant `r9`",
        ),
    ];
    for (rows, wanted) in rows {
        let whole = rows.is_empty() || rows.starts_with("order");
        let text = if whole {
            rows.to_owned()
        } else {
            format!("{header}{rows}")
        };
        assert_eq!(told(&text, PARAMETERS), wanted);
    }
    let still = PARAMETERS.replace("300", "0");
    assert!(told(ORDERS, &still).starts_with("instance_parameters.txt, line 2"));
    let none = PARAMETERS.lines().next().expect("a header");
    assert!(told(ORDERS, none).contains("there is no line of values"));
    let missing = Instance::read(Path::new("/nowhere/at/all"), "all").expect_err("it is not there");
    assert!(
        missing.starts_with("/nowhere/at/all/orders.txt: "),
        "{missing}"
    );
}

type Change = fn(&mut Vec<Delivery>);

/// One bundle by the first courier and one order by the second, as early as can be.
fn right() -> Vec<Delivery> {
    let one = |order, courier, pickup, dropoff| Delivery {
        order,
        courier,
        assigned: 15,
        pickup,
        dropoff,
    };
    vec![one(0, 0, 20, 28), one(1, 0, 20, 36), one(2, 1, 30, 36)]
}

#[test]
fn the_check_lets_right_answers_pass_and_finds_each_broken_rule() {
    assert_eq!(check(&small(), &right()), Vec::<String>::new());
    let broken = |change: Change| {
        let mut deliveries = right();
        change(&mut deliveries);
        check(&small(), &deliveries).join("; ")
    };
    let rows: [(Change, &str); 10] = [
        (
            |all| all[2].assigned = 14,
            "o3 is assigned at 14 and placed at 15",
        ),
        (
            |all| (all[0].pickup, all[1].pickup) = (19, 19),
            "o1 is picked up at 19 and ready at 20",
        ),
        (
            |all| (all[2].pickup, all[2].dropoff) = (51, 57),
            "o3 is picked up at 51 by c2, whose shift ends at 50",
        ),
        (
            |all| all[0].dropoff = 27,
            "c1 drops o1 off at 27 and cannot be there before 28",
        ),
        (
            |all| all[1].dropoff = 35,
            "c1 drops o2 off at 35 and cannot be there before 36",
        ),
        (|all| all.push(right()[2]), "o3 is delivered 2 times"),
        (
            |all| (all[2].courier, all[2].pickup) = (0, 47),
            "c1 picks o3 up at 47 and cannot be there before",
        ),
        (
            |all| (all[1].pickup, all[1].dropoff) = (24, 38),
            "c1 picks o2 up at 24",
        ),
        (
            |all| (all[2].courier, all[2].pickup, all[2].dropoff) = (0, 20, 60),
            "c1 is at two restaurants at 20",
        ),
        (
            |all| (all[1].courier, all[1].pickup, all[1].dropoff) = (1, 17, 40),
            "c2 picks o2 up at 17 and cannot be there before",
        ),
    ];
    for (change, wanted) in rows {
        let told = broken(change);
        assert!(told.contains(wanted), "`{wanted}` is not in `{told}`");
    }
}

#[test]
fn figures_are_the_benchmarks() {
    let mut deliveries = right();
    let all = Figures::of(&small(), &deliveries);
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    near(all.undelivered_percent, 0.0);
    near(all.click_to_door_mean, (18.0 + 24.0 + 21.0) / 3.0);
    near(all.click_to_door_p90, 21.0 + 0.8 * 3.0);
    near(all.ready_to_pickup_mean, 2.0 / 3.0);
    near(all.orders_per_bundle, 1.5);
    // 20 by orders above an hour's 15; 45 minutes' 11.25 above one order's 10.
    near(all.cost_per_order, (20.0 + 11.25) / 3.0);
    deliveries.pop();
    let two = Figures::of(&small(), &deliveries);
    near(two.undelivered_percent, 100.0 / 3.0);
    near(two.cost_per_order, 15.625);
    let total = Figures::total(&[(3, &all), (1, &two)]);
    near(total.click_to_door_mean, (3.0 * 21.0 + 21.0) / 4.0);
    near(total.undelivered_percent, 100.0 / 12.0);
    near(Figures::of(&small(), &[]).undelivered_percent, 100.0);
}

#[test]
fn a_recipe_makes_the_same_day_and_it_is_like_the_public_ones() {
    let recipe = Recipe::default();
    let day = generate("day", &recipe);
    assert_eq!(day, generate("day", &recipe));
    assert_ne!(day, generate("day", &Recipe { seed: 2, ..recipe }));
    assert_eq!(day.orders.len(), 500);
    let mean = |sum: f64, number: usize| sum / f64::from(u32::try_from(number).unwrap_or(1));
    let preparation: i64 = day
        .orders
        .iter()
        .map(|order| order.ready - order.placed)
        .sum();
    let preparation = preparation / 500;
    assert!((14..22).contains(&preparation), "{preparation}");
    let way = |order: &simulate::dispatch::instance::Order| {
        order.door.metres_to(day.restaurants[order.restaurant].spot)
    };
    let metres = mean(day.orders.iter().map(way).sum(), day.orders.len());
    assert!((1900.0..2600.0).contains(&metres), "{metres}");
    let minutes: i64 = day
        .couriers
        .iter()
        .map(|courier| courier.off - courier.on)
        .sum();
    assert!((240..=255).contains(&(minutes / 60)), "{minutes}");
    let dinner = day
        .orders
        .iter()
        .filter(|order| (535..655).contains(&order.placed));
    assert!((150..280).contains(&dinner.count()));
}

#[test]
fn what_is_written_is_read_again_from_a_tree_of_folders() {
    let folder = Folder::new("days");
    let days = [3, 4].map(|seed| {
        let recipe = Recipe {
            orders: 60,
            seed,
            ..Recipe::default()
        };
        generate(&format!("day{seed}"), &recipe)
    });
    for day in &days {
        day.write(&folder.0.join("tree").join(&day.name))
            .expect("written");
    }
    let folders = instances_in(&folder.0).expect("found");
    let names: Vec<&str> = folders.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["tree-day3", "tree-day4"]);
    let read: Vec<Instance> = folders
        .iter()
        .map(|found| Instance::read(&found.path, &days[0].name).expect("read"))
        .collect();
    assert_eq!(read[0], days[0]);
    assert_eq!(read[1].orders, days[1].orders);
    let root = instances_in(&folders[0].path).expect("found");
    assert_eq!(root[0].name, "day3");

    let out = folder.0.join("out");
    let mut heard = Vec::new();
    let outcomes = play_all(&folders, &window(), Some(&out), |done| heard.push(done));
    let outcomes = outcomes.expect("played");
    assert_eq!(heard, [1, 2]);
    let wanted = play(&days[1], &window()).0;
    assert_eq!(
        (&outcomes[1].figures, outcomes[1].name.as_str()),
        (&wanted.figures, "tree-day4")
    );
    let twice = [folders[0].clone(), folders[0].clone()];
    assert!(play_all(&twice, &window(), Some(&out), |_| ()).is_err());
    let text = std::fs::read_to_string(out.join("tree-day3.txt")).expect("there");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("order\tcourier\tpickup_time\tdropoff_time")
    );
    assert!(lines.all(|line| line.split('\t').count() == 4));
    assert!(
        instances_in(&out)
            .expect_err("none")
            .contains("there is no instance")
    );

    let json: serde_json::Value =
        serde_json::from_str(&report::json(&outcomes, "window")).expect("JSON");
    assert_eq!(json["instances"][0]["instance"], "tree-day3");
    let total = json["total"].as_object().expect("a total");
    let mut keys: Vec<&str> = total.keys().map(String::as_str).collect();
    keys.sort_unstable();
    let wanted = [
        "click_to_door_mean",
        "click_to_door_p90",
        "cost_per_order",
        "orders_per_bundle",
        "ready_to_pickup_mean",
        "undelivered_percent",
    ];
    assert_eq!(keys, wanted);
    assert!(total.values().all(serde_json::Value::is_number));
    let first = json["instances"][0].as_object().expect("a line");
    assert!(wanted.iter().all(|key| first[*key].is_number()));
    assert!(report::table(&outcomes).contains("total"));
}

#[test]
fn both_policies_keep_the_rules_and_window_is_better_at_the_peak() {
    for (orders, load, seed) in [(150, 2.4, 1), (250, 2.3, 2)] {
        let recipe = Recipe {
            orders,
            load,
            seed,
            ..Recipe::default()
        };
        let day = generate("peak", &recipe);
        let [priority, window] = ["priority", "window"]
            .map(|name| play(&day, &Policy::named(name).expect("it is there")).0);
        assert_eq!(priority.wrong, Vec::<String>::new());
        assert_eq!(window.wrong, Vec::<String>::new());
        let (greedy, planned) = (priority.figures, window.figures);
        assert!(
            planned.undelivered_percent <= greedy.undelivered_percent,
            "{planned:?}"
        );
        assert!(
            planned.click_to_door_mean < greedy.click_to_door_mean * 0.9,
            "{greedy:?} {planned:?}"
        );
        assert!(planned.click_to_door_p90 < greedy.click_to_door_p90);
    }
}

#[test]
fn odd_services_and_long_windows_keep_the_rules() {
    let mut day = generate(
        "odd",
        &Recipe {
            orders: 80,
            ..Recipe::default()
        },
    );
    (
        day.parameters.pickup_service,
        day.parameters.dropoff_service,
    ) = (5, 3);
    day.parameters.metres_per_minute = 426.67;
    let mut policy = window();
    for setting in ["every=3", "bind_within=10", "seed=9"] {
        policy.set(setting).expect("a setting");
    }
    let deliveries = replay(&day, &policy);
    assert_eq!(check(&day, &deliveries), Vec::<String>::new());
    assert!(deliveries.len() > 70);
}

#[test]
fn settings_are_known_by_name() {
    let mut policy = window();
    assert!(policy.set("every=2").is_ok());
    assert!(
        policy
            .set("evry=2")
            .expect_err("none")
            .contains("no setting `evry`")
    );
    assert!(policy.set("every=soon").is_err());
    assert!(policy.set("every").is_err());
    assert!(Policy::named("best").is_none());
}

#[test]
fn the_benchmark_has_its_tables() {
    let bench = bench::run(1, &[100, 2_000], &[(60, 2.0)]);
    assert_eq!(
        bench
            .matching
            .iter()
            .map(|one| one.size)
            .collect::<Vec<_>>(),
        bench::SIZES
    );
    assert_eq!(bench.policies.len(), 2);
    let json: serde_json::Value = serde_json::from_str(&bench.json()).expect("JSON");
    assert_eq!(json["policies"][1]["policy"], "window");
    assert!(json["matching"][2]["window_cold_ms"].is_number());
    assert!(bench.text().contains("400 x 400"));
    assert_eq!(bench.searches.len(), 4);
    assert!(bench.searches.iter().all(|one| one.found > 0.0));
    assert!(bench.text().contains("one city: 20x the drivers"));
}
