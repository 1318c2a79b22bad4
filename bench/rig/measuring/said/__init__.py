"""What the controller says, against what the bench sees: in every test, without the test asking for it.

| it says                                    | the bench sees                                                         |
| ------------------------------------------ | ---------------------------------------------------------------------- |
| power and mode, in its frames              | the power at the terminals, while both stand still                     |
| a trip, in frames, status and log          | danger on the bus; no current any more                                 |
| charge-only, in frames, status and codes   | no discharge                                                           |
| fault codes, in its log and its frames     | what was injected, or is on the bus: each code has a cause             |
| "accepted" and "refused"                   | the power that follows, or does not                                    |
| so many overrides in its audit trail       | the overrides that the bench has commanded                             |

`notebook` keeps what the bench did and measured during a test, `reports` what was on the bus, `log_book` what was logged
and when. The rules (`power`, `trip`, `codes`, `answers`) are pure: an `Account` goes in, a `Sheet` comes out. Of what the
database or the rig file does not have, nothing is concluded: it is listed as not compared.
"""
