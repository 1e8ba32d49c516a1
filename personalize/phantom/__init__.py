"""Synthetic people whose faces, muscles and pain are known exactly."""

from personalize.phantom.camera import Camera, sample_camera
from personalize.phantom.cohort import write_cohort
from personalize.phantom.course import Course, faces, make_course
from personalize.phantom.face import render
from personalize.phantom.parameters import AUS, Face, Looks, Scene, View, pspi
from personalize.phantom.people import ALIKE, VARIED, PeopleConfig, Person, sample_person

__all__ = [
    "ALIKE",
    "AUS",
    "VARIED",
    "Camera",
    "Course",
    "Face",
    "Looks",
    "PeopleConfig",
    "Person",
    "Scene",
    "View",
    "faces",
    "make_course",
    "pspi",
    "render",
    "sample_camera",
    "sample_person",
    "write_cohort",
]
