"""Surveys in the back office: written, looked at, tried, launched and followed (P1, S1).

admin, forms   what a survey is: whom, how, when, for how much; its quotas. records shows who was asked
quota_grid     quotas for every town, age and gender at once
detail         its page, what a launch would do, what is done to it; summary has the words
editor         the questions of the version being written: questions has the forms, question_draft what stands in them,
               question_context where a question stands; publishing ends it
preview        a question as it will stand on a screen and be spoken
flow_map       which question leads where
try_out        the telephone that records nothing; walkthrough is the way through
results        what came of it
"""
