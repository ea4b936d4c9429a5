"""What the books keep as codes, in words: why a debit was refused, why units moved."""

from django.utils.translation import gettext_lazy as _

REFUSALS = {
    "unknown_subscriber": _("nobody of activ has this number"),
    "not_payable": _("units do not pay for this"),
    "network_unknown": _("the network is not known, roaming cannot be excluded"),
    "roaming": _("units do not pay in roaming"),
    "no_units": _("no units to spend"),
    "insufficient_units": _("fewer units than asked for, and no part allowed"),
}

MOVES = {
    "lapsed": _("its time was over"),
    "not_activated": _("not activated in time"),
    "superseded": _("a newer bonus came"),
    "opt_out": _("left the programme"),
    "line_lost": _("the line was lost"),
}
