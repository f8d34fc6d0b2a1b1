//! Prewarming: an answer is fetched before anybody asks for it, once for the fleet, and loaded by every worker.
//!
//! It goes the way of a refresh: a look into L2, and the origin only with the lease. The worker of the main thread, which
//! serves nobody, cannot be told from the others and loads it too: that is what it costs.

use super::request::{asked, key, uri};
use super::{Outside, Worker};
use crate::config::{BodyKey, Refresh};
use crate::http::{Headers, RequestDirectives};
use crate::key::split_target;
use crate::metrics::{Metric, RefreshEnd};
use crate::notice::Wanted;
use crate::reason::Forward;
use crate::rfc9111::storage;
use crate::transaction::{Asked, Command, Draft, Phase, Refreshing, Ruled};
use std::rc::Rc;

impl Worker {
    /// Fetches a URL under the rule that is for it, or counts why not.
    pub(super) fn prewarm(&mut self, wanted: &Wanted<'_>, outside: &mut Outside<'_>) {
        let (path, _) = split_target(wanted.target.as_bytes());
        let rules = self.force.rules.iter();
        let Some(ruled) =
            rules.into_iter().find(|ruled| ruled.rule.matches("GET", wanted.host.as_bytes(), path)).cloned()
        else {
            return self.count(Metric::Unexpected { reason: "prewarm_no_rule" });
        };
        let rule = ruled.symbol;
        let Some(headers) = self.headers(&ruled, wanted) else {
            return self.count(Metric::Refreshes { rule, end: RefreshEnd::Refused });
        };
        let lead = std::rc::Rc::new(());
        let Some(stream) = self.leads.stream(&lead) else {
            return self.count(Metric::Refreshes { rule, end: RefreshEnd::Refused });
        };
        let credentialed = storage::credentialed(&headers, &ruled.rule.credentials);
        let draft = Draft {
            ruled,
            headers,
            directives: RequestDirectives::default(),
            credentialed,
            conditional: false,
            ranged: false,
            started: outside.now.mono,
            stream,
        };
        let key = key(&draft, outside).build();
        let patience = Some(outside.now.mono.after(self.force.config.fill.lease));
        let uri = uri(&draft);
        let asked = Asked { background: true, patience, uri, slot: Some(lead), ..asked(draft, key, vec![]) };
        self.phases
            .insert(stream, Phase::Refreshing(Box::new(Refreshing { asked, reason: Forward::UriMiss, held: None })));
        self.commands.push(Command::Refresh(stream));
    }

    /// The head of the request; `None` where the rule does not say where to ask, or with what credentials.
    fn headers(&self, ruled: &Rc<Ruled>, wanted: &Wanted<'_>) -> Option<Headers> {
        let refresh = ruled
            .rule
            .refresh
            .as_ref()
            .filter(|_| ruled.rule.key.body == BodyKey::None && ruled.rule.key.properties.is_empty())?;
        let pseudo = [
            (":method", "GET"),
            (":scheme", wanted.scheme.unwrap_or("http")),
            (":authority", wanted.host),
            (":path", wanted.target),
        ];
        let own = self.credentials(refresh)?;
        let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Some(pseudo.into_iter().chain(own).collect())
    }

    /// The headers that the rule takes from the environment; `None` where one is not set.
    fn credentials(&self, refresh: &Refresh) -> Option<Vec<(String, String)>> {
        let value = |variable: &str| self.environment.iter().find(|(name, _)| name == variable);
        let headers = refresh.headers.iter();
        headers.map(|(name, variable)| Some((name.clone(), value(variable)?.1.clone()))).collect()
    }
}
