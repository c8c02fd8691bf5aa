//! Who a session is: the identity it was opened for, whom its administrator looks through the eyes of, and the files it
//! has uploaded itself.
//!
//! The identity never changes. `SET SESSION AUTHORIZATION ada` lets an administrator see and do what ada may, and
//! nothing more, until `RESET SESSION AUTHORIZATION`; every statement asks anew whether the identity behind it still is
//! an administrator.

use super::{Outcome, Session};
use crate::error::{ErrorKind, Result};
use crate::login::Identity;
use crate::rights::Rights;
use futures::future::BoxFuture;
use pareto_catalog::Catalog;

impl Session {
    /// Who opened it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What a statement may do that starts now.
    pub(crate) fn rights(&self, catalog: &Catalog) -> Result<Rights> {
        let acting_as = self.chosen_now().acting_as.clone();
        let rights = Rights::of(catalog, &self.identity, acting_as.as_deref());
        if matches!(&rights, Err(error) if error.kind == ErrorKind::NotFound) {
            // Whose rights these were is gone. This statement fails, the next is the administrator's own again.
            self.act_as(None);
        }
        rights.map(|rights| rights.with_temporary(self.temporary_names()))
    }

    /// Takes on somebody's rights, or gives them back. Only statements that may do so call it.
    pub(crate) fn act_as(&self, user: Option<String>) {
        self.values().choose().acting_as = user;
    }

    /// The name that `current_user` answers.
    pub(crate) fn user(&self) -> String {
        self.user_of(self.chosen_now().acting_as.as_deref())
    }

    /// The same for whom its administrator looks through the eyes of.
    pub(super) fn user_of(&self, acting_as: Option<&str>) -> String {
        match (acting_as, &self.identity) {
            (Some(user), _) => user.to_owned(),
            (None, Identity::User(login)) => login.user.clone(),
            (None, Identity::Owner | Identity::Anybody) => "pareto".to_owned(),
        }
    }

    /// Runs one statement that reads a file which the server wrote for this session: an upload. No right is needed to
    /// read that one file, whatever the statement does with its rows.
    pub fn execute_upload<'a>(
        &'a self,
        sql: &'a str,
        file: &'a str,
    ) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(async move {
            let _uploaded = Uploaded::new(self, file);
            self.execute(sql).await
        })
    }

    /// Whether all of these are files that this session uploaded.
    pub(crate) fn has_uploaded(&self, urls: &[String]) -> bool {
        let values = self.values();
        urls.iter().all(|url| values.uploads.contains(url))
    }
}

/// A file that its session may read while this lives.
struct Uploaded<'a> {
    session: &'a Session,
    file: &'a str,
}

impl<'a> Uploaded<'a> {
    fn new(session: &'a Session, file: &'a str) -> Self {
        session.values().uploads.insert(file.to_owned());
        Self { session, file }
    }
}

impl Drop for Uploaded<'_> {
    fn drop(&mut self) {
        self.session.values().uploads.remove(self.file);
    }
}
