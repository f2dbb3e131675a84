//! All generated patients of a run, and how many resources of them meet what.

use crate::patient::CARE_PLANS;
use crate::patient::CLASSES;
use crate::patient::CONDITION_CODES;
use crate::patient::CONDITIONS;
use crate::patient::ENCOUNTERS;
use crate::patient::MONTHS;
use crate::patient::Patient;
use crate::patient::mixed;

/// Before which year a patient is one of the older ones.
pub const OLD: u64 = 1941;

/// The patients of a run.
pub struct Population {
    /// How many there are, numbered from nought.
    pub size: u64,
    /// Conditions with each code.
    pub conditions: Vec<u64>,
    /// Conditions of older patients with each code.
    pub of_the_old: Vec<u64>,
    /// Patients who have a condition with each code.
    pub patients: Vec<u64>,
    /// Encounters of each month and class.
    pub encounters: Vec<u64>,
}

impl Population {
    /// Counts them.
    pub fn count(size: u64) -> Self {
        let codes = || vec![0; CONDITION_CODES as usize];
        let mut all = Self {
            size,
            conditions: codes(),
            of_the_old: codes(),
            patients: codes(),
            encounters: vec![0; (MONTHS as usize) * CLASSES.len()],
        };
        for patient in (0..size).map(Patient) {
            all.add(patient);
        }
        all
    }

    fn add(&mut self, patient: Patient) {
        let mut seen = Vec::new();
        for at in 0..CONDITIONS {
            let code = patient.condition(at).code as usize;
            self.conditions[code] += 1;
            self.of_the_old[code] += u64::from(patient.birth().0 < OLD);
            if !seen.contains(&code) {
                self.patients[code] += 1;
                seen.push(code);
            }
        }
        for at in 0..ENCOUNTERS {
            let visit = patient.encounter(at);
            self.encounters[place(visit.month, visit.class)] += 1;
        }
    }

    /// The patient that the n-th request is about.
    pub fn nth(&self, n: u64) -> Patient {
        Patient(mixed(n) % self.size)
    }

    /// Encounters of a month and class.
    pub fn encounters(&self, month: u64, class: &str) -> u64 {
        self.encounters[place(month, class)]
    }

    /// Care plans of all.
    pub fn care_plans(&self) -> u64 {
        self.size * CARE_PLANS
    }
}

fn place(month: u64, class: &str) -> usize {
    let class = CLASSES.iter().position(|one| *one == class).unwrap_or_default();
    month as usize * CLASSES.len() + class
}
