"""Who may be reached: the only way to select people, by purpose and channel, so that consent cannot be forgotten.

A definition says what marketing wants (`definition`); a selection is the SQL it becomes, consent always in it
(`selection`). Rooms above add what only they know, such as bonuses activated or offers redeemed (`traits`).
"""
