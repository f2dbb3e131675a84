//! `comfrey demo`, the program itself: what it prints works as printed.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

/// The demo on a port of its own; goes when dropped.
pub struct Demo {
    process: Child,
    // kept open, since a program that cannot print ends
    _output: BufReader<ChildStdout>,
    /// Where it serves: `http://127.0.0.1:…`.
    pub origin: String,
    /// The lines that it says to try, each by itself.
    pub curls: Vec<String>,
    /// The lines that it says to try one after another.
    walk: Vec<String>,
    /// What it says is there.
    told: String,
}

impl Demo {
    /// Starts it and waits until it has said what to try.
    pub fn start() -> Self {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_comfrey"));
        demo.args(["demo", "--listen", "127.0.0.1:0", "--log", "error"]).stdout(Stdio::piped());
        let mut process = demo.spawn().expect("the demo starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let (mut curls, mut told) = (Vec::new(), String::new());
        // the five, and the seven of the walk
        for line in output.by_ref().lines().map_while(Result::ok) {
            if line.starts_with("curl ") || line.starts_with("EPISODE=") {
                curls.push(line);
            } else {
                told.push_str(&line);
            }
            if curls.len() == 12 {
                break;
            }
        }
        let walk = curls.split_off(curls.len().min(5));
        let mut demo = Self { process, _output: output, origin: String::new(), curls, walk, told };
        let first = demo.curls.first().expect("the demo says what to try");
        let at = first.find("http://").expect("a line to try has a URL");
        demo.origin = first[at..].split("/fhir").next().unwrap().to_owned();
        demo
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn what_it_prints_works_as_printed_and_is_so() {
    let demo = Demo::start();
    the_five_lines_work(&demo);
    the_walk_leads_from_a_referral_to_a_care_plan(&demo);
    as_many_people_are_there_as_it_says(&demo);
}

fn the_five_lines_work(demo: &Demo) {
    assert_eq!(demo.curls.len(), 5);
    for line in &demo.curls {
        // a shell runs the line as somebody would who copies it
        let ran =
            Command::new("sh").args(["-c", &line.replace("curl -s", "curl -sS --fail")]).output().unwrap();
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        let answer: Value = serde_json::from_slice(&ran.stdout).expect(line);
        match answer["resourceType"].as_str() {
            Some("Bundle") => assert!(!answer["entry"].as_array().unwrap().is_empty(), "{line}"),
            Some("Parameters") if line.contains("payment") => {
                let parts = answer["parameter"].as_array().unwrap();
                let paid = parts.iter().filter(|one| {
                    one["name"] == "month" && one.to_string().contains(r#""unit","valueDecimal":1"#)
                });
                assert!(paid.count() >= 15, "{line}: {answer}");
            }
            Some("Parameters") if line.contains("gaps") => {
                assert!(answer.to_string().contains("open-gap"), "{line}: {answer}");
            }
            Some("Parameters") => assert!(answer.to_string().contains("\"eligible\""), "{line}: {answer}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

fn the_walk_leads_from_a_referral_to_a_care_plan(demo: &Demo) {
    let walk = demo.walk.join("; echo\n").replace("curl -s", "curl -sS --fail-with-body");
    let ran = Command::new("sh").args(["-ec", &walk]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let answers: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(answers.len(), 6, "{said}");
    assert!(answers[3].to_string().contains("\"enrolled\""), "{said}");
    let last = answers[5].to_string();
    assert!(last.contains("\"CarePlan\"") && last.contains("\"Goal\""), "{last}");
}

fn as_many_people_are_there_as_it_says(demo: &Demo) {
    let count = |query: &str| {
        let url = format!("{}/fhir/Patient?{query}_summary=count", demo.origin);
        let ran = Command::new("curl").args(["-sS", "--fail", "-g", &url]).output().unwrap();
        let answer: Value = serde_json::from_slice(&ran.stdout).expect("the count comes as JSON");
        answer["total"].as_u64().unwrap()
    };
    let told: u64 = demo.told.split(' ').next().unwrap().parse().expect(&demo.told);
    assert!(told >= 200, "{}", demo.told);
    assert_eq!(count(""), told + 7);
    let hearts = "_has:Condition:patient:code=http://hl7.org/fhir/sid/icd-10-cm|I50.22&identifier=https://samples.comfrey.health/mrn|&";
    // Rosa is the one who is not of the population
    assert!(demo.told.contains(&format!("heart failure ({})", count(hearts) - 1)), "{}", demo.told);
}
