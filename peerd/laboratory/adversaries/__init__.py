"""Adversaries: honest sessions, each with something around it that lies at a named point. Numbers
are rows of the faults that docs/attacks.md lists.

A liar (liar.py) plays an honest session, and its tricks (trick.py) change what the session says,
one trick in each role at most. Whom a trick picks on is an offset from its own index, so that
several liars pick on different peers. The tables name all of them, in the order in which seeds draw
them.
"""

from __future__ import annotations

from peerd.laboratory.adversaries.dealers import (
    BadProofPolynomials,
    HighDegree,
    MassWithholder,
    Mute,
    ShortPackages,
    ShortProof,
    StubbornWithholder,
    TwoHeaders,
    Withholder,
    WrongBase,
)
from peerd.laboratory.adversaries.deliverers import (
    GarbageDeliverer,
    OtherBaseDeliverer,
    OtherHeaderDeliverer,
    TwoFacedDeliverer,
    UnopenableDeliverer,
)
from peerd.laboratory.adversaries.electors import (
    CommitCopier,
    CommitOnly,
    HalfRevealer,
    PickyRevealer,
    SilentRevealer,
    WrongRevealer,
)
from peerd.laboratory.adversaries.flippers import (
    LateFlipper,
    SelectiveFlipper,
    SilentFlipper,
    TwoCoins,
)
from peerd.laboratory.adversaries.leaders import (
    CensoringLeader,
    DoubleVoter,
    LateAsker,
    RubbishLeader,
    SilentLeader,
    TwoLister,
)
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.lies import BadShareDealer
from peerd.laboratory.adversaries.members import (
    BogusAnswerer,
    DenyingRelay,
    FalseAsker,
    FalseComplainer,
    FalseDiscloser,
    ForeignComplainer,
    Hoarder,
    IdleRelay,
    KeylessAsker,
    KeysForOne,
    ManyReports,
    SelectiveReporter,
    TwoReports,
    UnreducedKeyAsker,
    WeakKeyAsker,
)
from peerd.laboratory.adversaries.noisy import (
    AimedNoise,
    GatheredNoise,
    LongNoise,
    NoNoise,
    PoisonedNoise,
)
from peerd.laboratory.adversaries.omissions import (
    AskOmitter,
    AttestationOmitter,
    ComplaintOmitter,
    HeaderOmitter,
    OkOmitter,
    OpeningOmitter,
)
from peerd.laboratory.adversaries.openers import (
    LateResult,
    LateSummer,
    SelectiveOpener,
    SilentOpener,
    TwoSums,
    WrongResult,
)
from peerd.laboratory.adversaries.resolvers import (
    ApprovalOmitter,
    FewApprover,
    ForgetfulResolver,
    Miscounter,
    StaleApprover,
    TwoDrafter,
    TwoFacedResolver,
    Usurper,
)
from peerd.laboratory.adversaries.spenders import ComplainerOfAll, SelfAccuser

DEALERS = {
    kind.__name__: Lie(kind)
    for kind in (
        Withholder,
        StubbornWithholder,
        MassWithholder,
        GarbageDeliverer,
        UnopenableDeliverer,
        TwoFacedDeliverer,
        OtherHeaderDeliverer,
        OtherBaseDeliverer,
        TwoHeaders,
        HighDegree,
        BadProofPolynomials,
        ShortProof,
        ShortPackages,
        WrongBase,
        Mute,
    )
}
MEMBERS = {
    kind.__name__: Lie(kind)
    for kind in (
        FalseComplainer,
        ForeignComplainer,
        FalseAsker,
        FalseDiscloser,
        BogusAnswerer,
        WeakKeyAsker,
        UnreducedKeyAsker,
        KeylessAsker,
        KeysForOne,
        IdleRelay,
        DenyingRelay,
        SelectiveReporter,
        TwoReports,
        ManyReports,
        Hoarder,
        RubbishLeader,
        CensoringLeader,
        SilentLeader,
        DoubleVoter,
        TwoLister,
        LateAsker,
    )
}
LEADERS = {
    **{kind.__name__: Lie(kind) for kind in (AttestationOmitter, OkOmitter, HeaderOmitter)},
    "ComplaintOmitter": Lie(BadShareDealer, ComplaintOmitter),
    "AskOmitter": Lie(StubbornWithholder, AskOmitter),
    "OpeningOmitter": Lie(GarbageDeliverer, OpeningOmitter),
}
"""Leaders that leave something out, with the dealing for which they do it."""
ELECTORS = {
    kind.__name__: Lie(kind)
    for kind in (SilentRevealer, WrongRevealer, HalfRevealer, CommitCopier, PickyRevealer)
}
OPENERS = {
    kind.__name__: Lie(kind) for kind in (SilentOpener, SelectiveOpener, TwoSums, WrongResult)
}
LATE = {kind.__name__: Lie(kind) for kind in (LateSummer, LateResult, CommitOnly)}
"""Who speaks once the others are done without it, or never again."""
FLIPPERS = {
    kind.__name__: Lie(kind) for kind in (SilentFlipper, SelectiveFlipper, TwoCoins, LateFlipper)
}
NOISY = {
    kind.__name__: Lie(kind)
    for kind in (NoNoise, AimedNoise, PoisonedNoise, GatheredNoise, LongNoise)
}
"""These lie where a rule has noise, and nowhere else."""
RESOLVERS = {
    kind.__name__: Lie(kind)
    for kind in (
        Usurper,
        FewApprover,
        StaleApprover,
        ForgetfulResolver,
        Miscounter,
        ApprovalOmitter,
        TwoFacedResolver,
        TwoDrafter,
    )
}
SPENDERS = {kind.__name__: Lie(kind) for kind in (ComplainerOfAll, SelfAccuser)}
ALL = {
    **DEALERS,
    **MEMBERS,
    **LEADERS,
    **ELECTORS,
    **OPENERS,
    **LATE,
    **FLIPPERS,
    **NOISY,
    **RESOLVERS,
    **SPENDERS,
}
