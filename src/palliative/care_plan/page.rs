//! A narrative, put together from headings, paragraphs, lists and tables. Whatever text comes from a record is escaped
//! here and nowhere else. <https://hl7.org/fhir/R4/narrative.html>

use serde_json::Value;
use serde_json::json;

use crate::palliative::element::escape;

/// A narrative that grows.
#[derive(Clone, Debug, Default)]
pub struct Page {
    body: String,
}

impl Page {
    /// The title.
    pub fn title(&mut self, text: &str) {
        self.element("h1", text);
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.element("h2", text);
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        self.element("p", text);
    }

    /// A paragraph that stands out.
    pub fn strong(&mut self, text: &str) {
        self.body.push_str("<p>");
        self.element("b", text);
        self.body.push_str("</p>");
    }

    /// A list; none where it is empty.
    pub fn list(&mut self, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.body.push_str("<ul>");
        items.iter().for_each(|item| self.element("li", item));
        self.body.push_str("</ul>");
    }

    /// A table of rows under a head; none where there are no rows.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        self.body.push_str("<table>");
        if !head.is_empty() {
            self.body.push_str("<thead><tr>");
            head.iter().for_each(|cell| self.element("th", cell));
            self.body.push_str("</tr></thead>");
        }
        self.body.push_str("<tbody>");
        for row in rows {
            self.body.push_str("<tr>");
            row.iter().for_each(|cell| self.element("td", cell));
            self.body.push_str("</tr>");
        }
        self.body.push_str("</tbody></table>");
    }

    /// The narrative.
    pub fn narrative(self) -> Value {
        json!({ "status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", self.body) })
    }

    fn element(&mut self, name: &str, text: &str) {
        let text = escape(text);
        self.body.push_str(&format!("<{name}>{text}</{name}>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_carries_no_markup_of_anybody_else() {
        let mut page = Page::default();
        page.title("<script>alert(\"1\")</script> & more\u{7}");
        page.list(&["</li><img src=x>".to_owned()]);
        page.table(&["<b>"], &[vec!["<td>".to_owned()]]);
        page.strong("a < b");
        assert_eq!(
            page.narrative()["div"],
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><h1>&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; \
             more </h1><ul><li>&lt;/li&gt;&lt;img src=x&gt;</li></ul><table><thead><tr><th>&lt;b&gt;</th></tr></thead>\
             <tbody><tr><td>&lt;td&gt;</td></tr></tbody></table><p><b>a &lt; b</b></p></div>"
        );
    }
}
