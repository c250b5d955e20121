"""The labels: the only list of classes, and its order the only order.

An *expression* is what the face shows and the classifier reports; *emotion* is the inference that the
user draws from it. A model carries its own labels, which can be any subset of `Expression`.
"""

from enum import StrEnum


class Expression(StrEnum):
    """Facial expressions in their fixed order: the five of the original work, then two more."""

    ANGRY = "angry"
    FEARFUL = "fearful"
    HAPPY = "happy"
    SAD = "sad"
    NEUTRAL = "neutral"
    DISGUSTED = "disgusted"
    SURPRISED = "surprised"


SEVEN: tuple[Expression, ...] = tuple(Expression)
FIVE: tuple[Expression, ...] = SEVEN[:5]

# How data sets, programs and coders call them.
WORDS: dict[str, str] = {
    "anger": "angry",
    "angry": "angry",
    "fear": "fearful",
    "fearful": "fearful",
    "afraid": "fearful",
    "scared": "fearful",
    "happiness": "happy",
    "happy": "happy",
    "joy": "happy",
    "sadness": "sad",
    "sad": "sad",
    "neutral": "neutral",
    "disgust": "disgusted",
    "disgusted": "disgusted",
    "surprise": "surprised",
    "surprised": "surprised",
}
