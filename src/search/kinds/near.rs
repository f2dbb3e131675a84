//! A place within a distance of another, the one parameter of the kind `special` that has values in a resource.
//! <https://hl7.org/fhir/R4/location.html#search>
//!
//! A place has a row of `idx_composite` with its latitude, and with itself as a point on a sphere of the size of one,
//! in hundred-millionths (of a degree, or of the radius: 6 cm). The latitudes are a range of the index; and two places
//! are within a distance of one another where the straight line between their points is short enough, which takes
//! no more than sums and products and knows neither poles nor a date line.

use std::f64::consts::PI;

use crate::fhir::quantity::Unit;
use crate::search::kinds::Asked;
use crate::search::kinds::Found;
use crate::search::kinds::Understood;
use crate::search::query::Condition;
use crate::search::query::Reach;
use crate::search::rows::CompositeRow;
use crate::search::rows::IndexRows;
use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::search::value::split;

/// The mean radius of the earth, in metres.
const RADIUS: f64 = 6_371_008.8;

/// What the index holds is this many times what it measures.
const SCALE: f64 = 1e8;

/// How far is near where a search does not say.
const NEAR: (&str, &str) = ("50", "km");

const SHAPE: &str = "A place is `latitude|longitude|distance|unit`, such as `34.05|-118.24|10|km`; without a unit the \
                     distance is in km, and without a distance it is 50 km.";

/// A place on the earth, in degrees.
#[derive(Clone, Copy, Debug)]
struct Place {
    latitude: f64,
    longitude: f64,
}

pub(super) fn index(found: &Found, rows: &mut IndexRows) {
    let degrees = |name: &str| found.hit.value.get(name)?.as_number()?.as_str().parse().ok();
    let (Some(latitude), Some(longitude)) = (degrees("latitude"), degrees("longitude")) else { return };
    if let Some(place) = Place::of(latitude, longitude) {
        let [high, low2, high2] = place.point();
        let low = scaled(latitude);
        let param = found.parameter.number;
        rows.composites.push(CompositeRow { param, low, high, low2, high2, ..CompositeRow::default() });
    }
}

pub(super) fn understand(asked: &Asked) -> Result<Understood, String> {
    let parts = split(asked.value, '|');
    let (latitude, longitude, distance, unit) = match *parts.as_slice() {
        [latitude, longitude] => (latitude, longitude, NEAR.0, NEAR.1),
        [latitude, longitude, distance] => (latitude, longitude, distance, NEAR.1),
        [latitude, longitude, distance, unit] => (latitude, longitude, distance, unit),
        _ => return Err(SHAPE.into()),
    };
    let number = |text: &str| text.replace(' ', "+").parse::<f64>().map_err(|_| SHAPE.to_owned());
    let (degrees, unit) =
        ((number(latitude)?, number(longitude)?), if unit.is_empty() { NEAR.1 } else { unit });
    let place = Place::of(degrees.0, degrees.1)
        .ok_or("A latitude is from -90 to 90 and a longitude from -180 to 180.")?;
    let distance = if distance.is_empty() { NEAR.0 } else { distance };
    let length = Unit::of(unit).filter(|unit| unit.base() == "m");
    let length = length.ok_or_else(|| format!("`{unit}` is no length of UCUM; write m, km or [mi_i]."))?;
    let metres = length.in_base(distance).filter(|metres| *metres >= 0.0).ok_or(SHAPE)?;
    let canonical = format!("{}|{}|{metres}", place.latitude, place.longitude);
    let sql = place.within(metres);
    Ok(Understood { canonical, condition: Condition { sql, leading: Vec::new(), reach: Reach::Range } })
}

impl Place {
    fn of(latitude: f64, longitude: f64) -> Option<Self> {
        let is_one = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        is_one.then_some(Self { latitude, longitude })
    }

    /// Its point on the sphere, as the index holds it.
    fn point(self) -> [i64; 3] {
        let (latitude, longitude) = (self.latitude.to_radians(), self.longitude.to_radians());
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()].map(scaled)
    }

    /// The rows of places that are so near.
    fn within(self, metres: f64) -> Sql {
        let angle = (metres / RADIUS).min(PI);
        let straight = (2.0 * (angle / 2.0).sin() * SCALE).powi(2).ceil();
        let [x, y, z] = self.point().map(Bind::from);
        let band = angle.to_degrees();
        Sql::of(
            "code = '' AND system = 0 AND code2 = '' AND system2 = 0 AND low >= ? AND low <= ?",
            [scaled(self.latitude - band).into(), scaled(self.latitude + band).into()],
        )
        .push(" AND (high - ?) * (high - ?)", [x.clone(), x])
        .push(" + (low2 - ?) * (low2 - ?)", [y.clone(), y])
        .push(" + (high2 - ?) * (high2 - ?) <= ?", [z.clone(), z, whole(straight).into()])
    }
}

fn scaled(number: f64) -> i64 {
    whole((number * SCALE).round())
}

/// A number without a fraction, far inside of what an integer holds.
#[expect(clippy::cast_possible_truncation, reason = "degrees, points and squares of them, all below 10^17")]
fn whole(number: f64) -> i64 {
    number as i64
}
