"""Who may be reached: the only way to select people, by purpose and channel, so that consent cannot be forgotten.

A definition says what marketing wants (`definition`); a selection is the SQL it becomes, consent always in it
(`selection`). What may be asked is declared, a file each, in the packages `conditions` of this app and of those above
it, which know of bonuses activated and offers redeemed (`condition`, `registry`).
"""
