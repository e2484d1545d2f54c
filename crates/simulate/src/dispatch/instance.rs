//! One day in the benchmark's format: four files of tab-separated text, each with a line
//! of headers. Columns are found by their names. What cannot be read is told with file and
//! line, since such files are often made by hand.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::str::FromStr;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    pub x: f64,
    pub y: f64,
}

impl Spot {
    pub fn metres_to(self, other: Self) -> f64 {
        let (east, north) = (self.x - other.x, self.y - other.y);
        (east * east + north * north).sqrt()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub id: String,
    pub door: Spot,
    pub placed: i64,
    pub restaurant: usize,
    pub ready: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Courier {
    pub id: String,
    pub home: Spot,
    pub on: i64,
    pub off: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Restaurant {
    pub id: String,
    pub spot: Spot,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    pub metres_per_minute: f64,
    pub pickup_service: i64,
    pub dropoff_service: i64,
    pub target: i64,
    pub limit: i64,
    pub pay_per_order: f64,
    pub pay_per_hour: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub name: String,
    pub orders: Vec<Order>,
    pub couriers: Vec<Courier>,
    pub restaurants: Vec<Restaurant>,
    pub parameters: Parameters,
}

pub const FILES: [&str; 4] = [
    "orders.txt",
    "couriers.txt",
    "restaurants.txt",
    "instance_parameters.txt",
];

const PARAMETERS: [&str; 7] = [
    "meters_per_minute",
    "pickup service minutes",
    "dropoff service minutes",
    "target click-to-door",
    "maximum click-to-door",
    "pay per order",
    "guaranteed pay per hour",
];

impl Instance {
    pub fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let [orders, couriers, restaurants, parameters] = FILES.map(|file| {
            let path = folder.join(file);
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        });
        Self::parse(name, &orders?, &couriers?, &restaurants?, &parameters?)
            .map_err(|complaint| format!("{}: {complaint}", folder.display()))
    }

    pub fn parse(
        name: &str,
        orders: &str,
        couriers: &str,
        restaurants: &str,
        parameters: &str,
    ) -> Result<Self, String> {
        let restaurants = Sheet::new("restaurants.txt", restaurants, ["restaurant", "x", "y"])?
            .rows(|row| {
                Ok(Restaurant {
                    id: row.text(0)?,
                    spot: row.spot(1)?,
                })
            })?;
        let known: HashMap<&str, usize> = restaurants
            .iter()
            .enumerate()
            .map(|(index, restaurant)| (restaurant.id.as_str(), index))
            .collect();
        let columns = [
            "order",
            "x",
            "y",
            "placement_time",
            "restaurant",
            "ready_time",
        ];
        let orders = Sheet::new("orders.txt", orders, columns)?.rows(|row| {
            let restaurant = row.text(4)?;
            Ok(Order {
                id: row.text(0)?,
                door: row.spot(1)?,
                placed: row.minute(3)?,
                restaurant: *known.get(restaurant.as_str()).ok_or_else(|| {
                    row.complain(&format!("there is no restaurant `{restaurant}`"))
                })?,
                ready: row.minute(5)?,
            })
        })?;
        let columns = ["courier", "x", "y", "on_time", "off_time"];
        let couriers = Sheet::new("couriers.txt", couriers, columns)?.rows(|row| {
            Ok(Courier {
                id: row.text(0)?,
                home: row.spot(1)?,
                on: row.minute(3)?,
                off: row.minute(4)?,
            })
        })?;
        let parameters = Sheet::new("instance_parameters.txt", parameters, PARAMETERS)?
            .rows(|row| {
                let parameters = Parameters {
                    metres_per_minute: row.number(0)?,
                    pickup_service: row.minute(1)?,
                    dropoff_service: row.minute(2)?,
                    target: row.minute(3)?,
                    limit: row.minute(4)?,
                    pay_per_order: row.number(5)?,
                    pay_per_hour: row.number(6)?,
                };
                if parameters.metres_per_minute <= 0.0 {
                    return Err(row.complain("meters_per_minute is not above nought"));
                }
                Ok(parameters)
            })?
            .first()
            .copied()
            .ok_or("instance_parameters.txt: there is no line of values")?;
        Ok(Self {
            name: name.to_owned(),
            orders,
            couriers,
            restaurants,
            parameters,
        })
    }

    /// Travel takes whole minutes, rounded up.
    pub fn minutes(&self, from: Spot, to: Spot) -> f64 {
        (from.metres_to(to) / self.parameters.metres_per_minute).ceil()
    }

    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let mut orders = String::from("order\tx\ty\tplacement_time\trestaurant\tready_time\n");
        for order in &self.orders {
            let (door, restaurant) = (order.door, &self.restaurants[order.restaurant].id);
            let _ = writeln!(
                orders,
                "{}\t{}\t{}\t{}\t{restaurant}\t{}",
                order.id, door.x, door.y, order.placed, order.ready
            );
        }
        let mut couriers = String::from("courier\tx\ty\ton_time\toff_time\n");
        for courier in &self.couriers {
            let home = courier.home;
            let _ = writeln!(
                couriers,
                "{}\t{}\t{}\t{}\t{}",
                courier.id, home.x, home.y, courier.on, courier.off
            );
        }
        let mut restaurants = String::from("restaurant\tx\ty\n");
        for restaurant in &self.restaurants {
            let spot = restaurant.spot;
            let _ = writeln!(restaurants, "{}\t{}\t{}", restaurant.id, spot.x, spot.y);
        }
        let of = &self.parameters;
        let parameters = format!(
            "{}\n{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            PARAMETERS.join("\t"),
            of.metres_per_minute,
            of.pickup_service,
            of.dropoff_service,
            of.target,
            of.limit,
            of.pay_per_order,
            of.pay_per_hour
        );
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (file, text) in FILES
            .into_iter()
            .zip([orders, couriers, restaurants, parameters])
        {
            let path = folder.join(file);
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// A file of which some columns are wanted.
struct Sheet<'a, const N: usize> {
    file: &'a str,
    text: &'a str,
    places: [usize; N],
    names: [&'a str; N],
}

struct Row<'a, const N: usize> {
    file: &'a str,
    line: usize,
    values: Vec<&'a str>,
    places: [usize; N],
    names: [&'a str; N],
}

impl<'a, const N: usize> Sheet<'a, N> {
    fn new(file: &'a str, text: &'a str, names: [&'a str; N]) -> Result<Self, String> {
        let header = text.lines().next().unwrap_or_default();
        let titles: Vec<&str> = header
            .trim_start_matches('\u{feff}')
            .split('\t')
            .map(str::trim)
            .collect();
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            *place = titles
                .iter()
                .position(|title| *title == name)
                .ok_or_else(|| format!("{file}, line 1: there is no column `{name}`"))?;
        }
        Ok(Self {
            file,
            text,
            places,
            names,
        })
    }

    fn rows<T>(&self, make: impl Fn(&Row<'a, N>) -> Result<T, String>) -> Result<Vec<T>, String> {
        let lines = self.text.lines().enumerate().skip(1);
        lines
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| {
                make(&Row {
                    file: self.file,
                    line: index + 1,
                    values: line.split('\t').map(str::trim).collect(),
                    places: self.places,
                    names: self.names,
                })
            })
            .collect()
    }
}

impl<const N: usize> Row<'_, N> {
    fn complain(&self, what: &str) -> String {
        format!("{}, line {}: {what}", self.file, self.line)
    }

    fn value(&self, column: usize) -> Result<&str, String> {
        self.values
            .get(self.places[column])
            .copied()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| self.complain(&format!("there is no `{}`", self.names[column])))
    }

    fn text(&self, column: usize) -> Result<String, String> {
        self.value(column).map(ToOwned::to_owned)
    }

    fn parse<T: FromStr>(&self, column: usize) -> Result<T, String> {
        let value = self.value(column)?;
        value.parse().map_err(|_| {
            self.complain(&format!("`{}` is no number: `{value}`", self.names[column]))
        })
    }

    fn number(&self, column: usize) -> Result<f64, String> {
        let number: f64 = self.parse(column)?;
        if number.is_finite() {
            return Ok(number);
        }
        Err(self.complain(&format!("`{}` is no number", self.names[column])))
    }

    /// Whole minutes, which some write with a fraction of nought.
    fn minute(&self, column: usize) -> Result<i64, String> {
        let value = self.value(column)?;
        value
            .strip_suffix(".0")
            .unwrap_or(value)
            .parse()
            .map_err(|_| {
                self.complain(&format!(
                    "`{}` is no whole minute: `{value}`",
                    self.names[column]
                ))
            })
    }

    fn spot(&self, column: usize) -> Result<Spot, String> {
        Ok(Spot {
            x: self.number(column)?,
            y: self.number(column + 1)?,
        })
    }
}
