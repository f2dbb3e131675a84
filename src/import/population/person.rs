//! One person of the sample population: who it is, and the course of the illness. <https://hl7.org/fhir/R4/patient.html>

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::import::population::archetypes::Archetypes;
use crate::import::population::archetypes::Background;
use crate::import::population::archetypes::Courses;
use crate::import::population::archetypes::Illness;
use crate::import::population::archetypes::Payer;
use crate::import::population::archetypes::Range;
use crate::import::population::archetypes::Site;
use crate::import::population::draw::Draw;

/// How far the illness is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Under control.
    Early,
    /// Advanced.
    Late,
}

/// A person as drawn.
#[derive(Clone)]
pub struct Person<'a> {
    pub from: &'a Archetypes,
    pub illness: &'a Illness,
    pub course: Course,
    /// How many of those before are late in the same illness.
    pub late_before: u64,
    pub id: String,
    pub age: i64,
    pub is_woman: bool,
    pub background: &'a Background,
    pub payer: &'a Payer,
    pub site: &'a Site,
    pub today: Date,
    pub draw: Draw,
}

impl<'a> Person<'a> {
    /// The person with this number among those who have the illness; `place` is that in the whole population.
    pub fn new(
        from: &'a Archetypes,
        illness: &'a Illness,
        (at, place): (u64, u64),
        today: Date,
    ) -> Option<Self> {
        let mut draw = Draw::new(from.seed, place);
        let age = draw.between(illness.ages);
        let payers: Vec<&Payer> =
            from.payers.iter().filter(|payer| (payer.ages[0]..=payer.ages[1]).contains(&age)).collect();
        // Turn and turn about, so that each course of each illness has all of them.
        let late_before = at * illness.late / 100;
        let late = late_before != (at + 1) * illness.late / 100;
        let payer = *payers.get(usize::try_from(at / 2).ok()? % payers.len().max(1))?;
        Some(Self {
            from,
            illness,
            course: if late { Course::Late } else { Course::Early },
            late_before,
            id: format!("sample-{}-{:02}", illness.id, at + 1),
            age,
            is_woman: draw.happens(52),
            background: background(&from.backgrounds, &mut draw)?,
            payer,
            site: draw.one_of(&from.sites)?,
            today,
            draw,
        })
    }

    /// What holds for the person's course.
    pub fn of<'b, T>(&self, early: &'b T, late: &'b T) -> &'b T {
        match self.course {
            Course::Early => early,
            Course::Late => late,
        }
    }

    /// What holds for the person's course.
    pub fn course_of<'b, T>(&self, courses: &'b Courses<T>) -> &'b T {
        self.of(&courses.early, &courses.late)
    }

    /// The day so many days ago.
    pub fn day(&self, back: i64) -> Date {
        self.today.saturating_sub(back.days())
    }

    /// A day out of a range of days ago.
    pub fn day_in(&mut self, back: Range) -> Date {
        let back = self.draw.between(back);
        self.day(back)
    }

    /// An id of one of the person's resources.
    pub fn own(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// A reference to the person.
    pub fn subject(&self) -> Value {
        json!({ "reference": format!("Patient/{}", self.id) })
    }

    /// A reference to the person's doctor.
    pub fn doctor(&self) -> Value {
        json!({ "reference": format!("Practitioner/{}-doctor", self.site.id) })
    }

    /// Whether somebody at home cares for the person.
    pub fn has_caregiver(&self) -> bool {
        self.illness.child || (self.course == Course::Late && !self.illness.well)
    }
}

fn background<'a>(backgrounds: &'a [Background], draw: &mut Draw) -> Option<&'a Background> {
    let all: i64 = backgrounds.iter().map(|one| one.share).sum();
    let mut place = draw.between([0, all - 1]);
    backgrounds.iter().find(|one| {
        place -= one.share;
        place < 0
    })
}
