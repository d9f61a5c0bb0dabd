//! The short forms of edits by path, written once for whoever has them: sessions and players, with and
//! without a note of why.

/// A call for each step that a [`Draft`](steadfast_core::document::Draft) has, as an edit of that one
/// step. Whoever has them has `step`, and a step for debits.
macro_rules! path_calls {
    (
        $error:ident, $(#[$of_debits:meta])* debits by $debit:ident
        $(, of $who:ident: $id:ident)?
    ) => {
        /// Puts a value at a path and returns what stood there:
        /// [`Draft::set`](steadfast_core::document::Draft::set) as an edit of one step.
        ///
        /// # Errors
        #[doc = concat!("[`", stringify!($error), "`](crate::", stringify!($error), ").")]
        /// Nothing is changed then.
        pub fn set(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
            value: impl Into<steadfast_core::Value>,
        ) -> Result<Option<steadfast_core::Value>, $error> {
            self.step($($who,)? |draft| draft.set(path, value))
        }

        /// Puts at a path what a function makes of what stands there, and returns that:
        /// [`Draft::patch`](steadfast_core::document::Draft::patch).
        ///
        /// # Errors
        #[doc = concat!("[`", stringify!($error), "`](crate::", stringify!($error), ").")]
        /// Nothing is changed then.
        pub fn patch(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
            next: impl FnOnce(
                Option<&steadfast_core::Value>,
            ) -> Result<steadfast_core::Value, steadfast_core::document::Cancel>,
        ) -> Result<Option<steadfast_core::Value>, $error> {
            self.step($($who,)? |draft| draft.patch(path, next))
        }

        /// Adds to the number at a path and returns the sum:
        /// [`Draft::add`](steadfast_core::document::Draft::add).
        ///
        /// # Errors
        #[doc = concat!("[`", stringify!($error), "`](crate::", stringify!($error), ").")]
        /// Nothing is changed then.
        pub fn add(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
            amount: impl Into<steadfast_core::value::Number>,
        ) -> Result<steadfast_core::value::Number, $error> {
            self.step($($who,)? |draft| draft.add(path, amount))
        }

        /// [`add`](Self::add), under the name that data stores have for it.
        ///
        /// # Errors
        /// As there.
        pub fn increment(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
            amount: impl Into<steadfast_core::value::Number>,
        ) -> Result<steadfast_core::value::Number, $error> {
            self.add($($who,)? path, amount)
        }

        /// Takes from the number at a path if there is enough, and returns what remains:
        /// [`Draft::try_debit`](steadfast_core::document::Draft::try_debit).
        $(#[$of_debits])*
        ///
        /// # Errors
        #[doc = concat!("[`", stringify!($error), "`](crate::", stringify!($error), "):")]
        /// `InsufficientFunds` with what there is. Nothing is changed then.
        pub fn try_debit(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
            amount: impl Into<steadfast_core::value::Number>,
        ) -> Result<steadfast_core::value::Number, $error> {
            self.$debit($($who,)? |draft| draft.try_debit(path, amount))
        }

        /// Puts an item into the array at a path and returns its index:
        /// [`Draft::insert`](steadfast_core::document::Draft::insert).
        ///
        /// # Errors
        #[doc = concat!("[`", stringify!($error), "`](crate::", stringify!($error), ").")]
        /// Nothing is changed then.
        pub fn insert(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
            item: impl Into<steadfast_core::Value>,
            at: steadfast_core::document::Insert,
        ) -> Result<usize, $error> {
            self.step($($who,)? |draft| draft.insert(path, item, at))
        }

        /// Takes out what stands at a path and returns it:
        /// [`Draft::remove`](steadfast_core::document::Draft::remove).
        ///
        /// # Errors
        #[doc = concat!("[`", stringify!($error), "`](crate::", stringify!($error), ").")]
        /// Nothing is changed then.
        pub fn remove(
            &self,
            $($who: impl Into<$id>,)?
            path: impl Into<steadfast_core::Path>,
        ) -> Result<steadfast_core::Value, $error> {
            self.step($($who,)? |draft| draft.remove(path))
        }
    };
}

pub(crate) use path_calls;
