use super::*;
use proptest::prelude::*;

fn point(latitude: f64, longitude: f64) -> Point {
    Point {
        latitude,
        longitude,
    }
}

/// What a database with an index on spots would read.
fn read(all: &[(u64, Point)], block: &Block, limit: usize) -> Vec<Point> {
    assert!(block.ranges.len() <= CELLS_MAX);
    let inside = |spot: u64| block.ranges.iter().any(|(a, b)| (*a..*b).contains(&spot));
    let rows = all.iter().filter(|(spot, _)| inside(*spot));
    rows.map(|(_, at)| *at).take(limit).collect()
}

struct Ended {
    km: Vec<f64>,
    rows: usize,
    steps: u32,
    hint: Hint,
}

fn search(all: &[Point], at: Point, wanted: usize, max_km: f64, hint: Option<Hint>) -> Ended {
    let mut indexed: Vec<(u64, Point)> = all.iter().map(|at| (spot(*at), *at)).collect();
    indexed.sort_by_key(|(spot, _)| *spot);
    let mut search = Search::new(at, wanted, max_km, hint);
    let (mut step, mut rows, mut steps) = (search.first(), 0, 0);
    loop {
        step = match step {
            Step::Read(block, limit) => {
                let found = read(&indexed, &block, limit);
                rows += found.len();
                steps += 1;
                search.take(&found)
            }
            Step::Found(near) => {
                let km = near.iter().map(|near| near.km).collect();
                let hint = search.hint();
                return Ended {
                    km,
                    rows,
                    steps,
                    hint,
                };
            }
        }
    }
}

fn truly(all: &[Point], at: Point, wanted: usize, max_km: f64) -> Vec<f64> {
    let mut km: Vec<f64> = all.iter().map(|place| distance_km(at, *place)).collect();
    km.retain(|km| *km <= max_km);
    km.sort_by(f64::total_cmp);
    km.truncate(wanted);
    km
}

fn somewhere() -> impl Strategy<Value = Point> {
    prop_oneof![
        6 => (-80.0..80.0_f64, -180.0..180.0_f64),
        1 => (-90.0..90.0_f64, 179.9..180.0_f64),
        1 => (-90.0..90.0_f64, -180.0..-179.9_f64),
        1 => (84.0..90.0_f64, -180.0..180.0_f64),
    ]
    .prop_map(|(latitude, longitude)| point(latitude, longitude))
}

/// So far from a place, in kilometres, and at most on the other side of the date line.
fn moved(at: Point, north_km: f64, east_km: f64) -> Point {
    let latitude = (at.latitude + north_km / KM_A_DEGREE).clamp(-90.0, 90.0);
    let shrink = latitude.to_radians().cos().max(0.01);
    let longitude = at.longitude + east_km / KM_A_DEGREE / shrink;
    point(latitude, (longitude + 540.0).rem_euclid(360.0) - 180.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_block_has_everything_within_its_distance(
        at in somewhere(), reach in 0..REACHES, angle in 0.0..std::f64::consts::TAU, share in 0.0..0.999_f64,
    ) {
        let block = block(at, reach);
        let km = block.within_km * share;
        let place = moved(at, km * angle.sin(), km * angle.cos());
        prop_assume!(distance_km(at, place) < block.within_km);
        let spot = spot(place);
        prop_assert!(block.ranges.iter().any(|(a, b)| (*a..*b).contains(&spot)));
    }

    #[test]
    fn what_is_found_is_the_nearest_in_order(
        at in somewhere(),
        around in prop::collection::vec((-12.0..12.0_f64, -12.0..12.0_f64), 0..900),
        tight in 0.02..1.0_f64, wanted in 1_usize..40, hint in prop::option::of((0_u32..40, any::<bool>())),
    ) {
        let all: Vec<Point> = around.iter().map(|(n, e)| moved(at, n * tight, e * tight)).collect();
        let hint = hint.map(|(reach, crowded)| Hint { reach, crowded });
        let ended = search(&all, at, wanted, 10.0, hint);
        let truth = truly(&all, at, wanted, 10.0);
        prop_assert_eq!(&ended.km[..], &truth[..], "{} steps", ended.steps);
        prop_assert!(ended.steps <= 24 || at.latitude.abs() > 80.0);
    }
}

#[test]
fn neighbours_over_the_date_line_are_near() {
    let at = point(0.0, 179.999);
    let other = point(0.0, -179.999);
    assert_eq!(search(&[other], at, 1, 10.0, None).km.len(), 1);
}

/// However many there are, about a hundred rows are read, also far out where there is
/// nobody.
#[test]
fn a_search_reads_about_a_hundred_rows_however_many_there_are() {
    let centre = point(52.52, 13.405);
    for count in [0_u32, 10, 1_000, 10_000, 100_000] {
        // A sunflower: even all over a disc of 25 km.
        let all: Vec<Point> = (0..count)
            .map(|n| {
                let km = 25.0 * (f64::from(n) / f64::from(count)).sqrt();
                let angle = f64::from(n) * 2.399_963;
                moved(centre, km * angle.sin(), km * angle.cos())
            })
            .collect();
        let cold = search(&all, centre, 30, 10.0, None);
        let warm = search(&all, centre, 30, 10.0, Some(cold.hint));
        assert!(
            cold.rows <= 500 && warm.rows <= 250,
            "{count}: {} then {}",
            cold.rows,
            warm.rows
        );
        assert!(warm.steps == 1, "{count}: {}", warm.steps);
        assert_eq!(
            warm.km.len(),
            usize::try_from(count).unwrap().min(30).min(cold.km.len())
        );
    }
}
