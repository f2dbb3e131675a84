//! The plan as a page to print: who it is for and since when, whom to call, the team, what matters to the person, the
//! goals by domain, what to do when, and the next review. <https://hl7.org/fhir/R4/narrative.html>
//!
//! The page is the person's to read: it says nothing of what a clinician thinks of the time that is left or of what the
//! caregiver answered, and nothing of what carries a security label, the person's own name and birth date apart. It says
//! nothing that changes by itself from one day to the next.

use serde_json::Value;

use crate::fhir::datetime::span;
use crate::fhir::datetime::time_in;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::completeness::is_of_domain;
use crate::palliative::care_plan::completeness::next_review;
use crate::palliative::care_plan::need;
use crate::palliative::care_plan::page::Page;
use crate::palliative::care_plan::reading::is_in_own_words;
use crate::palliative::care_plan::reading::is_open;
use crate::palliative::care_plan::reading::is_open_to_all;
use crate::palliative::care_plan::reading::preferred_language;
use crate::palliative::care_plan::reading::problems;
use crate::palliative::care_plan::reading::stands;
use crate::palliative::care_plan::reading::words_of;
use crate::palliative::care_plan::team;
use crate::palliative::care_plan::wishes::Order;
use crate::palliative::care_plan::wishes::Resuscitation;
use crate::palliative::care_plan::wishes::Wishes;
use crate::palliative::enrollment::facts::list;

/// The domains, 1 to 8, in words for the person.
const DOMAINS: [(&str, &str); 8] = [
    ("1", "How care is organised"),
    ("2", "Body and symptoms"),
    ("3", "Mood and mind"),
    ("4", "Family, home and daily life"),
    ("5", "Faith and meaning"),
    ("6", "Language and customs"),
    ("7", "Nearing the end of life"),
    ("8", "Wishes and decisions"),
];

/// What is printed: the plan, its goals and tasks, and the wishes.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a> {
    /// The CarePlan, all but its text.
    pub plan: &'a Resource,
    /// The goals.
    pub goals: &'a [&'a Resource],
    /// The tasks, each with the name by which the plan refers to it.
    pub tasks: &'a [(&'a str, &'a Resource)],
    /// Advance care planning.
    pub wishes: &'a Wishes<'a>,
}

impl Printed<'_> {
    /// The page.
    pub fn text(&self, planning: &Planning) -> Value {
        let mut page = Page::default();
        self.head(planning, &mut page);
        call(planning, &mut page);
        people(planning, &mut page);
        self.wishes(planning, &mut page);
        for (domain, words) in DOMAINS {
            self.domain(planning, (domain, words), &mut page);
        }
        advice(planning, &mut page);
        if let Some(review) = next_review(self.plan) {
            page.strong(&format!("Next review of this plan: by {review}."));
        }
        page.narrative()
    }

    fn head(&self, planning: &Planning, page: &mut Page) {
        let case = planning.case;
        let patient = case.chart.find(case.patient());
        page.title(&planning.template.title);
        let mut rows = Vec::new();
        let mut row = |name: &str, value: Option<String>| {
            rows.extend(value.map(|value| vec![name.to_owned(), value]));
        };
        row("For", patient.and_then(team::name_of));
        row("Born", patient.and_then(|patient| patient.text("/birthDate")).map(str::to_owned));
        row("Language", preferred_language(planning));
        row("Programme", Some(case.program.name.clone()));
        row("Since", self.plan.text("/period/start").map(str::to_owned));
        row("Level of care", planning.tier().map(|tier| tier.display().to_owned()));
        page.table(&[], &rows);
        // A concern that nobody has confirmed is told by its goal, not as what the person has.
        let told = problems(planning).filter(|one| is_open_to_all(one) && !need::is_open_question(one));
        let problems: Vec<String> = told.filter_map(words).collect();
        if !problems.is_empty() {
            page.heading("What the plan is about");
            page.list(&problems);
        }
    }

    fn wishes(&self, planning: &Planning, page: &mut Page) {
        let day = |when: &str| when.get(..10).unwrap_or(when).to_owned();
        let open = self.wishes.preferences.iter().filter(|(_, one)| is_open_to_all(one));
        let said = open.filter_map(|(when, one)| Some(format!("“{}” ({})", words_of(one)?, day(when))));
        let said: Vec<String> = said.collect();
        let mut lines = Vec::new();
        match (self.wishes.preferences.is_empty(), &self.wishes.declined) {
            (true, Some((when, one))) if is_open_to_all(one) => {
                lines.push(format!("Did not want to speak of preferences for treatment ({}).", day(when)));
            }
            (true, None) => lines.push("Preferences for treatment: not recorded yet.".to_owned()),
            (true, Some(_)) | (false, _) => {}
        }
        match self.wishes.discussed {
            Some((day, one)) if is_open_to_all(one) => {
                lines.push(format!("Advance care planning was last talked about on {day}."));
            }
            Some(_) => {}
            None => lines.push("Advance care planning: no conversation is on record.".to_owned()),
        }
        for document in self.wishes.documents.iter().filter(|one| is_open_to_all(one.resource)) {
            let on = document.on.map(|on| format!(" of {on}")).unwrap_or_default();
            let order = if document.is_order() { ", signed: an order" } else { "" };
            lines.push(format!("On file: {}{on}{order}.", document.words));
        }
        if self.wishes.documents.is_empty() {
            lines.push("On file: no document.".to_owned());
        }
        lines.extend(self.ordered(planning));
        page.heading("What matters to the person");
        page.list(&said);
        page.list(&lines);
    }

    /// What is ordered on resuscitation. Where the latest order is not for everybody's eyes nothing is said: an older
    /// one does not hold.
    fn ordered(&self, planning: &Planning) -> Vec<String> {
        let orders = &self.wishes.orders;
        let is_open = |order: &Order| planning.case.chart.find(&order.source).is_some_and(is_open_to_all);
        let latest = orders.first().filter(|order| is_open(order)).map(|order| match order.says {
            Resuscitation::DoNot => format!("Ordered: no resuscitation (since {}).", order.on),
            Resuscitation::Try => format!("Ordered: resuscitation (since {}).", order.on),
        });
        let contradict = self.wishes.contradict() && orders.iter().all(is_open);
        let words =
            "Orders on resuscitation contradict one another; the latest holds until they are settled.";
        latest.into_iter().chain(contradict.then(|| words.to_owned())).collect()
    }

    fn domain(&self, planning: &Planning, (domain, words): (&str, &str), page: &mut Page) {
        let printed =
            |goal: &&&Resource| is_of_domain(goal.value(), domain) && is_open(goal) && is_open_to_all(goal);
        let goals: Vec<&&Resource> = self.goals.iter().filter(printed).collect();
        let activities: Vec<String> = list(self.plan.get("activity"))
            .filter(|one| is_of_domain(one, domain) && stands(planning, one))
            .filter_map(|one| self.activity(planning, one))
            .collect();
        let notes = list(self.plan.get("note")).filter_map(|note| note["text"].as_str());
        let notes = notes.filter(|text| text.to_lowercase().contains(&format!("domain {domain}")));
        let notes: Vec<String> = notes.map(str::to_owned).collect();
        if goals.is_empty() && activities.is_empty() && notes.is_empty() {
            return;
        }
        page.heading(&format!("{domain}. {words}"));
        goals.iter().for_each(|goal| page.strong(&aimed(goal)));
        page.list(&activities);
        notes.iter().for_each(|note| page.paragraph(note));
    }

    fn activity(&self, planning: &Planning, activity: &Value) -> Option<String> {
        if let Some(to) = activity.pointer("/reference/reference").and_then(Value::as_str) {
            let (_, task) = self.tasks.iter().find(|(name, task)| *name == to && is_open_to_all(task))?;
            if task.text("/status") == Some("completed") {
                return None;
            }
            let text = task.text("/description").or_else(|| task.text("/code/text"))?;
            let due = task.text("/restriction/period/end").map(|due| by(planning, due));
            return Some(format!("{text}{}", due.unwrap_or_default()));
        }
        let detail = activity.get("detail")?;
        if detail["status"] == "completed" {
            return None;
        }
        let text = detail["description"].as_str().or_else(|| detail["code"]["text"].as_str())?;
        let due = detail.pointer("/scheduledPeriod/end").and_then(Value::as_str).map(|due| by(planning, due));
        let every =
            detail.pointer("/scheduledTiming/repeat/period").map(|days| format!(" (every {days} days)"));
        Some(format!("{text}{}", due.or(every).unwrap_or_default()))
    }
}

/// Until when: a day, or a day and the time that the clocks of the programme show.
fn by(planning: &Planning, due: &str) -> String {
    let zone = &planning.case.program.zone;
    let shown = span(due, zone).filter(|_| due.len() > 10).map(|span| time_in(span.low, zone));
    let shown =
        shown.as_deref().and_then(|shown| Some(format!("{} at {}", shown.get(..10)?, shown.get(11..16)?)));
    format!(" (by {})", shown.as_deref().unwrap_or(due))
}

/// A goal, what it is measured by, and until when it is to be reached.
fn aimed(goal: &Resource) -> String {
    let text = goal.text("/description/text").unwrap_or("Goal");
    let text = if is_in_own_words(goal) { format!("“{text}”") } else { text.to_owned() };
    let target = goal.get("target").and_then(|target| target.get(0));
    let quantity = target.and_then(|target| target.get("detailQuantity"));
    let value = quantity.map(|quantity| {
        let sign = match quantity["comparator"].as_str() {
            Some("<=") => "at most ",
            Some("<") => "below ",
            Some(">=") => "at least ",
            Some(">") => "above ",
            _ => "",
        };
        let unit = quantity["unit"].as_str().filter(|unit| *unit != "score");
        let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        let what = target.and_then(words_of_measure).map(|what| format!("{what} ")).unwrap_or_default();
        format!(" Target: {what}{sign}{}{unit}.", quantity["value"])
    });
    let due = target.and_then(|target| target["dueDate"].as_str()).map(|due| format!(" By {due}."));
    format!("{text}{}{}", value.unwrap_or_default(), due.unwrap_or_default())
}

fn words_of_measure(target: &Value) -> Option<&str> {
    let measure = target.get("measure")?;
    measure["text"].as_str().or_else(|| measure["coding"][0]["display"].as_str())
}

/// Whom to call, at any hour.
fn call(planning: &Planning, page: &mut Page) {
    let program = planning.case.program;
    page.heading("Whom to call, day and night");
    let numbers: Vec<&str> = program.phones.iter().filter_map(|phone| phone["value"].as_str()).collect();
    match (numbers.is_empty(), program.phone_all_day) {
        (true, _) => page.paragraph("No telephone number of the programme is on file yet."),
        (false, true) => page.strong(&numbers.join(", ")),
        (false, false) => {
            page.strong(&numbers.join(", "));
            page.paragraph("It is not on file that this number is answered day and night.");
        }
    }
}

fn people(planning: &Planning, page: &mut Page) {
    page.heading("The team");
    let members = team::members(planning);
    let rows: Vec<Vec<String>> = members
        .into_iter()
        .map(|member| vec![member.role, member.name, member.phone.unwrap_or_else(|| "–".to_owned())])
        .collect();
    page.table(&["Role", "Name", "Telephone"], &rows);
    let missing = team::missing_roles(planning);
    if !missing.is_empty() {
        page.paragraph(&format!("Not named yet: {}.", missing.join(", ")));
    }
}

fn advice(planning: &Planning, page: &mut Page) {
    let advice = &planning.template.advice;
    if advice.is_empty() {
        return;
    }
    page.heading("What to do when");
    let rows: Vec<Vec<String>> = advice.iter().map(|(when, then)| vec![when.clone(), then.clone()]).collect();
    page.table(&[], &rows);
}

fn words(problem: &Resource) -> Option<String> {
    let text = problem.text("/code/text").or_else(|| problem.text("/code/coding/0/display"));
    text.or_else(|| problem.text("/code/coding/0/code")).map(str::to_owned)
}
