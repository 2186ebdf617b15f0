"""The Messenger Platform of Meta, which Messenger and Instagram share: its events, its public comments, the way back."""
