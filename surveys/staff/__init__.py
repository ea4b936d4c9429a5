"""Surveys in the back office: written, looked at, tried, launched and followed (P1, S1).

setting      what a survey is: whom, how, when, for how much; its quotas (forms)
cells        quotas for every town, age and gender at once
looking      its page, what a launch would do, what is done to it; telling has the words
editing      the questions of the version being written: questions has the forms, written what stands in them, writing
             the operations, publishing the end of it
preview      a question as it will stand on a screen and be spoken
chart        which question leads where
trying       the telephone that records nothing; walking is the way through
"""
